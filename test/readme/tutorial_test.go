package readme

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTutorial makes the bot of docs/tutorial.md, and talks to it.
func TestTutorial(t *testing.T) {
	usual(t)
	dir := t.TempDir()
	abs, err := filepath.Abs(filepath.Join(root, "build"))
	if err == nil {
		err = os.Symlink(abs, filepath.Join(dir, "build"))
	}
	if err != nil {
		t.Fatal(err)
	}
	lines, files := commands(allBlocks(t, "docs/tutorial.md"))
	if len(lines) != 4 {
		t.Fatalf("the tutorial has other commands than this test knows: %q", lines)
	}
	write(t, filepath.Join(dir, "bot.py"), files["python"])

	node := start(t, root, lines[0])
	node.prints(t, buildLimit, "is ready")
	bot := start(t, dir, lines[1])
	bot.prints(t, limit, "listening")
	chat := start(t, dir, lines[2])
	chat.prints(t, limit, "connected with", "peer: Hello! Say something.")
	chat.types(t, "ça va")
	chat.prints(t, limit, "peer: You said: ça va")
	bot.prints(t, limit, "call from sip:", " delivered")
	if got := run(t, dir, lines[3]); !strings.Contains(got, `"body":"ça va"`) {
		t.Errorf("the events of before are not told:\n%s", got)
	}
	operating, _ := commands(allBlocks(t, "docs/operating.md"))
	level := operating[len(operating)-1]
	if got := run(t, dir, level); !strings.Contains(level, `"log_level"`) || !strings.Contains(got, `"result"`) {
		t.Errorf("%s gives %s", level, got)
	}
	chat.in.Close()
	bot.prints(t, limit, "over:")
	chat.ends(t)
	node.interrupt()
	node.ends(t)
}
