package sqlite

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

// asNobody runs fn with no right that the mode of the file at path does not give, also where the tests run as root.
func asNobody(t *testing.T, path string, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		fn()
		return
	}
	const nobody = 65534
	if err := os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755); err != nil { // made 0700 for the test
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chown(file, nobody, nobody); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread, which has another user now, ends with the goroutine
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); errno != 0 {
			t.Error(errno)
			return
		}
		fn()
	}()
	<-done
}

func TestAFileThatCannotBeWrittenIsRefused(t *testing.T) {
	for _, inUse := range []bool{false, true} {
		path := newPath(t)
		s, err := Open(t.Context(), path, migrated("sessions"))
		if err != nil {
			t.Fatal(err)
		}
		created(t, s, set("a", "1"))
		if inUse { // with its log beside it the database would open the file for reading
			defer func() { _ = s.Close() }()
		} else if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o400); err != nil {
			t.Fatal(err)
		}
		asNobody(t, path, func() { refused(t, path) })
	}
}

func refused(t *testing.T, path string) {
	s, err := Open(t.Context(), path)
	if err == nil {
		defer func() { _ = s.Close() }()
	}
	if err == nil || !strings.Contains(err.Error(), "cannot be opened for writing") {
		t.Errorf("got %v", err)
	}
}

func TestTheFilesAreForTheirOwnerAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := newPath(t)
	s := open(t, path)
	created(t, s, set("a", "1"))
	if _, err := s.Collect(t.Context(), store.CollectOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-collect"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("sessions.db%s has mode %v", suffix, info.Mode())
		}
	}
	if names := fileNames(t, path); len(names) != 4 {
		t.Errorf("files are left: %q", names)
	}
}
