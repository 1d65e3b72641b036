package route

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dialect: no while and no recursion, so every loop has an end, though it may be a far one.
func dialect() *syntax.FileOptions {
	return &syntax.FileOptions{Set: true, TopLevelControl: true}
}

func (s *Script) load(path string, source []byte) (*starlark.Function, error) {
	known := builtins()
	_, program, err := starlark.SourceProgramOptions(dialect(), path, source, known.Has)
	if err != nil {
		return nil, scriptError(err)
	}
	if program.NumLoads() > 0 {
		_, at := program.Load(0)
		return nil, errorAt(at, "load is not available in a request route: a route is one script; load_dict reads dictionaries")
	}
	thread := s.thread("load", "")
	thread.SetLocal(loadingKey, &loading{folder: filepath.Dir(path), left: maxDicts})
	thread.SetMaxExecutionSteps(loadSteps)
	defer limitTime(context.Background(), thread, loadTime)()
	globals, err := program.Init(thread, known)
	if err != nil {
		return nil, scriptError(err)
	}
	// Runs share the globals, at the same time: what a script keeps at its top level cannot change any more.
	globals.Freeze()
	return requestFunction(path, globals)
}

func requestFunction(path string, globals starlark.StringDict) (*starlark.Function, error) {
	start := syntax.MakePosition(&path, 1, 1)
	value, defined := globals["request"]
	if !defined {
		return nil, errorAt(start, "the script defines no request function: def request(msg): …")
	}
	f, ok := value.(*starlark.Function)
	if !ok {
		return nil, errorAt(start, fmt.Sprintf("request is a %s, not a function: def request(msg): …", value.Type()))
	}
	if f.NumParams() != 1 || f.NumKwonlyParams() > 0 || f.HasVarargs() || f.HasKwargs() {
		return nil, errorAt(f.Position(), "request takes exactly one parameter: def request(msg): …")
	}
	return f, nil
}

func (s *Script) thread(name, callID string) *starlark.Thread {
	t := &starlark.Thread{
		Name: name,
		Print: func(t *starlark.Thread, text string) {
			at := t.CallFrame(1).Pos // 0 is print itself
			s.print(Print{CallID: callID, Line: int(at.Line), Text: shorten(text)})
		},
	}
	t.SetLocal(scriptKey, s)
	return t
}

func shorten(text string) string {
	if len(text) <= maxPrint {
		return text
	}
	return strings.ToValidUTF8(text[:maxPrint], "") + "…"
}
