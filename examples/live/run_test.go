package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// running is a program that has been started.
type running struct {
	url  string
	stop context.CancelFunc
	done chan error
}

func startProgram(t *testing.T, o options) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, o, in)
		_ = in.CloseWithError(err)
		done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(line, "open ")
	url, _, _ := strings.Cut(rest, ",")
	return &running{url, stop, done}
}

func TestRunMigratesServesAndShutsDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.db")
	p := startProgram(t, options{"127.0.0.1:0", "sqlite:" + path})
	conn, resp, err := websocket.Dial(t.Context(), p.url+"/ws?tab=a", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {p.url}}})
	if err != nil {
		t.Fatal(err)
	}
	socket := &peer{t, conn}
	socket.told(`{"set":{"key":"k","value":"unsaved"}}`)
	p.stop()
	socket.closed(websocket.StatusGoingAway, "server is shutting down")
	if err := <-p.done; err != nil {
		t.Fatalf("shutting down: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database: %v, %v", info, err)
	}
	again := startProgram(t, options{strings.TrimPrefix(p.url, "http://"), "sqlite:" + path})
	if body := get(t, again.url+"/api/session", resp.Cookies()); !strings.Contains(body, `"data":{"k":"unsaved"}`) {
		t.Errorf("what the socket had not saved: %s", body)
	}
	again.stop()
	if err := <-again.done; err != nil {
		t.Errorf("shutting down: %v", err)
	}
}

func get(t *testing.T, url string, cookies []*http.Cookie) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	for name, o := range map[string]options{
		"no scheme":       {"127.0.0.1:0", "live.db"},
		"unknown scheme":  {"127.0.0.1:0", "mysql://localhost/app"},
		"no file":         {"127.0.0.1:0", "sqlite:"},
		"a directory":     {"127.0.0.1:0", "sqlite:" + t.TempDir()},
		"no such folder":  {"127.0.0.1:0", "sqlite:" + filepath.Join(t.TempDir(), "no", "live.db")},
		"a bad address":   {"127.0.0.1:-1", "sqlite:" + filepath.Join(t.TempDir(), "live.db")},
		"a bad port":      {"127.0.0.1:0", "postgres://user:hunter2@localhost:port/app"},
		"nobody answers":  {"127.0.0.1:0", "postgres://user:hunter2@127.0.0.1:1/app?connect_timeout=1"},
		"a password with": {"127.0.0.1:0", "postgres://user:hunter2@%zz/app"},
	} {
		err := run(t.Context(), o, io.Discard)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is told: %v", name, err)
		}
	}
}

func TestOptions(t *testing.T) {
	o, err := parseOptions(nil, io.Discard)
	if err != nil || o != (options{"127.0.0.1:8080", "sqlite:live.db"}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range [][]string{{"-unknown"}, {"extra"}, {"-addr"}} {
		var out strings.Builder
		if _, err := parseOptions(bad, &out); err == nil || out.Len() == 0 {
			t.Errorf("%v: %v, says %q", bad, err, out.String())
		}
	}
}
