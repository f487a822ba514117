package migrations

import (
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// memFS is a read-only directory of files, by name.
type memFS map[string]string

func (m memFS) Open(name string) (fs.File, error) {
	if name == "." {
		return &dir{entries: m.entries()}, nil
	}
	text, ok := m[name]
	if !ok || !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{Reader: strings.NewReader(text), info: info{name, int64(len(text))}}, nil
}

func (m memFS) entries() []fs.DirEntry {
	var list []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fs.FileInfoToDirEntry(info{name, int64(len(m[name]))}))
	}
	return list
}

type file struct {
	*strings.Reader
	info info
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

// info describes a file, or the directory, whose name is ".".
type info struct {
	name string
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return nil }
func (i info) IsDir() bool        { return i.name == "." }

func (i info) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

type dir struct{ entries []fs.DirEntry }

func (d *dir) Stat() (fs.FileInfo, error) { return info{name: "."}, nil }
func (d *dir) Close() error               { return nil }

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: fs.ErrInvalid}
}

func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	list := d.entries[:n]
	d.entries = d.entries[n:]
	return list, nil
}
