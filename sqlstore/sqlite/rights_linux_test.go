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

// Whoever collects first makes the lock file for all who may write to the database.
func TestTheLockFileIsAsTheDatabase(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o77))
	path := newPath(t)
	s := open(t, path)
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 65534, 65533); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Collect(t.Context(), store.CollectOptions{}); err != nil {
		t.Fatal(err)
	}
	mode, uid, gid := rights(t, path)
	if m, u, g := rights(t, path+"-collect"); m != mode || u != uid || g != gid {
		t.Errorf("%v of %d:%d, and the database %v of %d:%d", m, u, g, mode, uid, gid)
	}
}

func rights(t *testing.T, path string) (mode os.FileMode, uid, gid uint32) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return info.Mode(), stat.Uid, stat.Gid
}

// A collector that may not have the lock, which only saves it work, does its work without.
func TestACollectorWithoutTheRightToItsLockCollects(t *testing.T) {
	for name, forbid := range map[string]func(lock string) error{
		"to open it":  func(lock string) error { return os.WriteFile(lock, nil, 0) },
		"to write it": func(lock string) error { return os.WriteFile(lock, nil, 0o444) },
		"to make it":  func(lock string) error { return os.Chmod(filepath.Dir(lock), 0o555) },
	} {
		path := newPath(t)
		s := open(t, path)
		expired(t, s, 5, 100)
		if err := forbid(path + "-collect"); err != nil {
			t.Fatal(err)
		}
		asNobody(t, path, func() {
			other, err := Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = other.Close() }()
			report, err := other.Collect(t.Context(), store.CollectOptions{})
			if err != nil || report.Stopped != store.StopDone || report.Deleted != 5 {
				t.Errorf("no right %s: %+v, %v", name, report, err)
			}
		})
		if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
