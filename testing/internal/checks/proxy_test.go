package checks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
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
	dir := t.TempDir()
	packed := filepath.Join(dir, "module.zip")
	version := pack(t, packed, "v0.0.0-00010101000000-000000000000")
	p := proxy{dir: dir, version: "v0.0.0-20260101000000-" + version[:12]}

	base := filepath.Join(dir, modulePath, "@v", p.version)
	info := fmt.Sprintf(`{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, p.version)
	writeFile(t, base+".info", info)
	writeFile(t, base+".mod", readFile(t, filepath.Join(top(t), "go.mod")))
	pack(t, base+".zip", p.version)
	writeFile(t, filepath.Join(dir, modulePath, "@v", "list"), "")
	writeFile(t, filepath.Join(dir, modulePath, "@latest"), info)
	t.Cleanup(func() { p.forget(t) })
	return p
}

// pack writes the module's zip as of a version and returns the hash of its contents.
func pack(t *testing.T, name, version string) string {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := zip.CreateFromDir(file, module.Version{Path: modulePath, Version: version}, top(t)); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(readFile(t, name)))
	return hex.EncodeToString(sum[:])
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
