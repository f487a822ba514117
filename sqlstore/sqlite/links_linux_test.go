package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"
)

func init() { children["unlinked"] = childWithoutLinks }

// A file is made although the file system refuses hard links, as those of phones, shares and some containers do.
func TestAFileIsMadeWhereLinksAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	startChild(t, "unlinked", path).wait()
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// childWithoutLinks makes a store on a thread that may make no links.
func childWithoutLinks(args []string) error {
	runtime.LockOSThread()
	if err := refuseLinks(); err != nil {
		return err
	}
	if err := os.Link(os.Args[0], args[0]+".link"); err == nil {
		return os.ErrExist // the system still makes them
	}
	s, err := Open(context.Background(), args[0], migrated("sessions"))
	if err != nil {
		return err
	}
	return s.Close()
}

// refuseLinks has the system answer EPERM to this thread when it asks for a link.
func refuseLinks() error {
	const (
		load, jump, answer        = 0x20, 0x15, 0x06
		allow, refuse             = 0x7fff0000, 0x00050000 | uint32(syscall.EPERM)
		noNewPrivs, seccomp, mode = 38, 22, 2
		linkOfAMD64               = 86 // which other systems do not have
	)
	program := []syscall.SockFilter{{Code: load}}
	calls := []uint32{syscall.SYS_LINKAT}
	if runtime.GOARCH == "amd64" {
		calls = append(calls, linkOfAMD64)
	}
	for _, call := range calls {
		program = append(program, syscall.SockFilter{Code: jump, Jf: 1, K: call}, syscall.SockFilter{Code: answer, K: refuse})
	}
	program = append(program, syscall.SockFilter{Code: answer, K: allow})
	filter := syscall.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, noNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, seccomp, mode, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return errno
	}
	return nil
}
