//go:build unix

package fifo_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/mi/fifo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 20 * time.Second

// echo answers with the request, and says nothing to one that begins with "quiet".
type echo struct {
	mu   sync.Mutex
	came []string
}

func (e *echo) Serve(_ context.Context, rights access.Rights, request []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.came = append(e.came, string(request))
	if strings.Contains(string(request), "quiet") || rights != access.All {
		return nil
	}
	return []byte(strings.Repeat(string(request), 1+strings.Count(string(request), "*")*1000))
}

func (e *echo) has(request string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.came {
		if r == request {
			return true
		}
	}
	return false
}

type text struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *text) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type rig struct {
	*echo
	folder, path string
	log          text
}

func listen(t *testing.T) *rig {
	t.Helper()
	r := &rig{echo: &echo{}, folder: t.TempDir()}
	r.path = filepath.Join(r.folder, "fifo")
	s, err := fifo.Listen(r.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(r.path); err == nil {
			t.Error("the FIFO is still there")
		}
	})
	return r
}

func (r *rig) config() fifo.Config {
	return fifo.Config{Path: r.path, Mode: 0o600, ReplyDir: r.folder, MI: r, Logger: slog.New(slog.NewTextHandler(&r.log, nil))}
}

func (r *rig) write(t *testing.T, octets string) {
	t.Helper()
	f, err := os.OpenFile(r.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(octets); err != nil {
		t.Fatal(err)
	}
}

// reply makes a FIFO for an answer.
func (r *rig) reply(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(r.folder, name)
	if err := unix.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// ask does as opensips-cli does: the FIFO for the answer is made before, and opened after the request was written.
func (r *rig) ask(t *testing.T, name, request string) string {
	t.Helper()
	path := r.reply(t, name)
	r.write(t, ":"+name+":"+request)
	f, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n')
	return line
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}

func TestAnswers(t *testing.T) {
	r := listen(t)
	for i, request := range []string{`{"id":1}`, `{"id":2}` + "\n", "no JSON, and no line end", "no JSON\n"} {
		if got := r.ask(t, fmt.Sprint("r", i), request); got != strings.TrimSuffix(request, "\n")+"\n" {
			t.Errorf("%q is answered %q", request, got)
		}
	}
	if got := r.ask(t, "large", `{"*":"***"}`); len(got) != 4001*len(`{"*":"***"}`)+1 {
		t.Errorf("a large answer has %d octets", len(got))
	}
	if got := r.ask(t, "quiet", `{"quiet":1}`); got != "" {
		t.Errorf("what has no answer is answered %q", got)
	}
	r.write(t, `::{"id":"nobody"}`)
	eventually(t, "a request without reply name is done", func() bool { return r.has(`{"id":"nobody"}`) })
	if got := r.ask(t, "long", `{"a":"`+strings.Repeat("x", 1<<20)+"\"}\n"); !strings.Contains(got, "holds at most 1 MiB") {
		t.Errorf("a request that is too long is answered %q", got)
	}
}

// TestDeafClient: who does not open or read the own FIFO holds up nobody else.
func TestDeafClient(t *testing.T) {
	r := listen(t)
	r.reply(t, "unopened")
	unread, err := os.OpenFile(r.reply(t, "unread"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	for range 100 {
		r.write(t, `:unopened:{"a":1}`)
		r.write(t, `:unread:{"`+strings.Repeat("*", 90)+`":1}`)
	}
	if got := r.ask(t, "me", `{"id":1}`); got != `{"id":1}`+"\n" {
		t.Errorf("answered %q", got)
	}
	eventually(t, "the log says what was dropped", func() bool { return strings.Contains(r.log.String(), "too many clients") })
}

// TestReplyToRoot: a node that runs as a user of its own answers root, whose FIFO lets that user write. Only root can try it.
func TestReplyToRoot(t *testing.T) {
	if folder := os.Getenv("FIFO_FOLDER"); folder != "" {
		r := &rig{echo: &echo{}, folder: folder, path: filepath.Join(folder, "fifo")}
		s, err := fifo.Listen(r.config())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	if os.Geteuid() != 0 {
		return
	}
	folder, err := os.MkdirTemp("", "fifo")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	program := filepath.Join(folder, "node")
	if err := errors.Join(exec.Command("cp", os.Args[0], program).Run(), os.Chmod(folder, 0o777|fs.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), program, "-test.run=^TestReplyToRoot$")
	node.Env, node.Dir = append(os.Environ(), "FIFO_FOLDER="+folder), folder
	node.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	node.Stdout, node.Stderr = &out, &out
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := node.Wait(); err != nil {
			t.Errorf("%v: %s", err, out.String())
		}
	}()
	r := &rig{folder: folder, path: filepath.Join(folder, "fifo")}
	eventually(t, "the node has made its FIFO", func() bool {
		_, err := os.Lstat(r.path)
		return err == nil
	})
	if err := os.Chmod(r.reply(t, "mine"), 0o666); err != nil { // as opensips-cli does
		t.Fatal(err)
	}
	mine, err := os.OpenFile(filepath.Join(folder, "mine"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	r.write(t, `:mine:{"id":1}`)
	if err := mine.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(mine).ReadString('\n'); line != `{"id":1}`+"\n" {
		t.Errorf("answered %q, %v", line, err)
	}
}

// TestReplyNames: nothing is opened but a FIFO of this user's, in the reply folder, by its plain name.
func TestReplyNames(t *testing.T) {
	r := listen(t)
	secret := filepath.Join(r.folder, "file")
	if err := os.WriteFile(secret, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(r.folder, "sub")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(inside, "outside")
	if err := unix.Mkfifo(outside, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(r.folder, "link")); err != nil {
		t.Fatal(err)
	}
	foreign := r.reply(t, "foreign")
	if os.Geteuid() == 0 {
		if err := os.Chown(foreign, 65534, -1); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"file", "sub/outside", "../" + filepath.Base(r.folder) + "/sub/outside", "..", ".", "link", "nothing", outside}
	if os.Geteuid() == 0 {
		names = append(names, "foreign")
	}
	// Held open, so that an answer could go there.
	for _, path := range []string{outside, foreign} {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		defer func() {
			_ = f.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if n, _ := f.Read(make([]byte, 10)); n > 0 {
				t.Errorf("%s was written to", path)
			}
		}()
	}
	for _, name := range names {
		r.write(t, ":"+name+":{}\n")
	}
	eventually(t, "each is refused", func() bool {
		return strings.Count(r.log.String(), "answer of the management interface was dropped") == len(names)
	})
	if got, err := os.ReadFile(secret); err != nil || string(got) != "kept" {
		t.Errorf("the file now holds %q, %v", got, err)
	}
}

func TestFile(t *testing.T) {
	r := listen(t)
	info, err := os.Lstat(r.path)
	if err != nil || info.Mode() != fs.ModeNamedPipe|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := fifo.Listen(r.config()); err == nil || !strings.Contains(err.Error(), "read by another program") {
		t.Errorf("a second server: %v", err)
	}
	other := &rig{folder: r.folder, path: filepath.Join(r.folder, "other")}
	target := r.reply(t, "target")
	if err := os.Symlink(target, other.path); err != nil {
		t.Fatal(err)
	}
	if _, err := fifo.Listen(other.config()); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("where a link stands: %v", err)
	}
	left := &rig{echo: &echo{}, folder: r.folder, path: target}
	s, err := fifo.Listen(left.config())
	if err != nil {
		t.Fatalf("one that was left over: %v", err)
	}
	if info, err := os.Lstat(target); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("made anew it is %v, %v", info.Mode(), err)
	}
	// What somebody else has put there in the meantime stays.
	if err := os.Remove(target); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(target); err != nil {
		t.Error(err)
	}
}
