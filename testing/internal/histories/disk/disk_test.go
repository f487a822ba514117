package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFill(t *testing.T) {
	dir := t.TempDir()
	d, err := Mount(dir, 8<<20)
	if errors.Is(err, ErrNotPermitted) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.Dir, "file")
	write := func() error { return os.WriteFile(path, make([]byte, 64<<10), 0o600) }
	for range 2 {
		if err := d.Fill(); err != nil {
			t.Fatal(err)
		}
		if err := write(); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("a write to a full disk: %v", err)
		}
		if err := d.Free(); err != nil {
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Errorf("a write once there is room: %v", err)
		}
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
