package livetest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simples-go/sessions/migrations/migrate"
)

// Phones, shared folders of virtual machines and some containers refuse hard links.
func TestANewFileNeedsNoHardLink(t *testing.T) {
	files, err := filepath.Glob("../../*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "os.Link(") {
			t.Errorf("%s makes one", file)
		}
	}
}

func TestANewFileIsItsOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b+%20")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x?.db")
	m, err := migrate.Open(t.Context(), "sqlite:"+path, migrate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Up(t.Context())
	if err := errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "x?.db" {
		t.Fatalf("%v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode() != 0o600 || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Open(t.Context(), "sqlite:"+path, migrate.Options{}); err == nil {
		t.Error("a file that every user may write to is opened")
	}
}
