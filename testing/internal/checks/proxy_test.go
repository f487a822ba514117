package checks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// proxy serves the root module, as it stands in the working tree, to the go command: what a user gets after a release.
type proxy struct {
	dir     string
	version string
}

// newProxy packs the module. Its version depends on its contents, so that the module cache never answers with an older
// tree; the copy in the cache is removed after the test.
func newProxy(t *testing.T) proxy {
	t.Helper()
	dir, files := t.TempDir(), moduleFiles(t)
	p := proxy{dir: dir, version: "v0.0.0-20260101000000-" + hashOf(t, files)[:12]}

	base := filepath.Join(dir, modulePath, "@v", p.version)
	info := fmt.Sprintf(`{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, p.version)
	writeFile(t, base+".info", info)
	writeFile(t, base+".mod", readFile(t, filepath.Join(top(t), "go.mod")))
	pack(t, base+".zip", p.version, files)
	writeFile(t, filepath.Join(dir, modulePath, "@v", "list"), "")
	writeFile(t, filepath.Join(dir, modulePath, "@latest"), info)
	t.Cleanup(func() { p.forget(t) })
	return p
}

// moduleFile is a file of the root module, by its path in it.
type moduleFile struct{ top, path string }

func (f moduleFile) name() string                 { return filepath.Join(f.top, f.path) }
func (f moduleFile) Path() string                 { return f.path }
func (f moduleFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.name()) }
func (f moduleFile) Open() (io.ReadCloser, error) { return os.Open(f.name()) }

// moduleFiles returns what a release of the root module has: the files that git knows or would take in.
func moduleFiles(t *testing.T) []zip.File {
	t.Helper()
	checked, err := zip.CheckDir(top(t))
	if err != nil {
		t.Fatal(err)
	}
	var files []zip.File
	ours := tracked(t)
	for _, path := range checked.Valid {
		path, err := filepath.Rel(top(t), path)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(ours, path) {
			files = append(files, moduleFile{top: top(t), path: path})
		}
	}
	return files
}

func hashOf(t *testing.T, files []zip.File) string {
	t.Helper()
	h := sha256.New()
	for _, f := range files {
		text := readFile(t, filepath.Join(top(t), f.Path()))
		fmt.Fprintf(h, "%s %d\n%s", f.Path(), len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// pack writes the module's zip as of a version.
func pack(t *testing.T, name, version string, files []zip.File) {
	t.Helper()
	file, err := os.Create(name)
	if err == nil {
		err = errors.Join(zip.Create(file, module.Version{Path: modulePath, Version: version}, files), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// forget takes the module out of the cache again.
func (p proxy) forget(t *testing.T) {
	cache := output(t, "go", "env", "GOMODCACHE")
	removeAll(t, filepath.Join(cache, modulePath+"@"+p.version))
	matches, _ := filepath.Glob(filepath.Join(cache, "cache", "download", modulePath, "@v", p.version+".*"))
	for _, name := range matches {
		_ = os.Remove(name)
	}
}

// env makes the go command, outside of this workspace, find the module here and all others where it always does.
func (p proxy) env(t *testing.T) []string {
	t.Helper()
	upstream := output(t, "go", "env", "GOPROXY")
	return []string{
		"GOWORK=off", "GOFLAGS=-mod=mod",
		"GOPROXY=file://" + p.dir + "," + upstream,
		"GONOSUMDB=" + modulePath,
	}
}
