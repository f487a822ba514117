// Package disk is a small filesystem of its own that a trial can fill.
package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Disk is a filesystem in a file.
type Disk struct {
	Dir   string // where it is mounted
	image string
}

// ErrNotPermitted is returned if filesystems cannot be mounted.
var ErrNotPermitted = errors.New("no filesystem can be mounted: that takes root, a loop device and mkfs.ext4 of e2fsprogs")

// Mount makes a filesystem of so many bytes and mounts it on a folder of its own below dir.
func Mount(dir string, size int64) (*Disk, error) {
	d := &Disk{Dir: filepath.Join(dir, "disk"), image: filepath.Join(dir, "disk.img")}
	if err := os.MkdirAll(d.Dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(d.image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"/usr/sbin/mkfs.ext4", "-q", "-F", "-m", "0", d.image}, {"mount", "-o", "loop", d.image, d.Dir},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			_ = os.Remove(d.image)
			return nil, fmt.Errorf("%w: %s: %w: %s", ErrNotPermitted, args[0], err, out)
		}
	}
	return d, nil
}

// Fill leaves no room, also that which others have given back since the last time.
func (d *Disk) Fill() error {
	file, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	for size := int64(16 << 20); size >= block; {
		switch err := unix.Fallocate(int(file.Fd()), 0, end, size); {
		case err == nil:
			end += size
		case errors.Is(err, unix.ENOSPC):
			size /= 2
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("filling the disk: %w", err)
		}
	}
	return nil
}

// block is the least that a file takes.
const block = 1 << 10

// Free gives the room back that Fill has taken.
func (d *Disk) Free() error {
	err := os.Remove(d.filler())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (d *Disk) filler() string { return filepath.Join(d.Dir, "filler") }

// Close unmounts the filesystem, even if a process has files there still, and removes it.
func (d *Disk) Close() error {
	return errors.Join(unix.Unmount(d.Dir, unix.MNT_DETACH), os.Remove(d.image), os.Remove(d.Dir))
}
