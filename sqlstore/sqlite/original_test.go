package sqlite

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Nothing is acknowledged that goes into a file without a name, and no connection is opened to a file that another
// process has put in its place.
func TestAFileThatIsNoMoreTheSameIsAnError(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // a file that is open cannot be moved
	}
	path := newPath(t)
	s := open(t, path, WithReaders(2))
	ref := created(t, s, set("n", "0"))
	if err := os.Rename(path, path+"-aside"); err != nil {
		t.Fatal(err)
	}
	failsOnAnotherFile(t, s, ref, "deleted")
	if err := os.Rename(path+"-aside", path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), ref, set("n", "3")); err != nil {
		t.Errorf("with the file back in its place: %v", err)
	}
	holds(t, s, ref, "3")
	if err := os.Rename(path, path+"-aside"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	failsOnAnotherFile(t, s, ref, "replaced")
}

func failsOnAnotherFile(t *testing.T, s *Store, ref store.Ref, why string) {
	t.Helper()
	s.writer.looked = time.Now().Add(-lookEvery)
	nothing := func(*conn) error { return nil }
	for name, call := range map[string]func() error{
		"a save":          func() error { _, err := s.Save(t.Context(), ref, set("n", "1")); return err },
		"another save":    func() error { _, err := s.Save(t.Context(), ref, set("n", "2")); return err },
		"a second writer": func() error { c, err := s.writer.open(t.Context()); closeNow(t, c); return err },
		"a checkpointer":  func() error { c, err := s.writer.log.open(t.Context()); closeNow(t, c); return err },
		"a second reader": func() error {
			return s.readers.do(t.Context(), func(*conn) error { return s.readers.do(t.Context(), nothing) })
		},
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "restart") {
			t.Errorf("%s after the file was %s: %v", name, why, err)
		}
	}
}

func closeNow(t *testing.T, c *conn) {
	t.Helper()
	if c == nil {
		return
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}
