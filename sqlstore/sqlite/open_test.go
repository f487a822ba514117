package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func pragma(t *testing.T, c *conn, name string) string {
	t.Helper()
	rows, err := c.raw.Prepare("pragma " + name)
	if err != nil {
		t.Fatal(err)
	}
	c.prepared[dataVersion] = rows
	row, err := c.first(dataVersion)
	if err != nil || row == nil {
		t.Fatalf("pragma %s: %v, %v", name, row, err)
	}
	c.prepared[dataVersion] = nil
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	return fmt.Sprint(row[0])
}

func TestOnlyReadersMapTheFile(t *testing.T) {
	for _, size := range []int64{0, 1 << 20} {
		s := open(t, newPath(t), WithMemoryMap(size))
		sizes := map[string]string{}
		look := func(role string) func(*conn) error {
			return func(c *conn) error { sizes[role] = pragma(t, c, "mmap_size"); return nil }
		}
		if err := errors.Join(s.writer.do(t.Context(), look("writer")), s.readers.do(t.Context(), look("reader"))); err != nil {
			t.Fatal(err)
		}
		if sizes["writer"] != "0" || sizes["reader"] != fmt.Sprint(size) {
			t.Errorf("WithMemoryMap(%d): %v", size, sizes)
		}
	}
}

func TestEveryConnectionHasItsPragmas(t *testing.T) {
	s := open(t, newPath(t), WithReaders(3))
	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "auto_vacuum": "2", "query_only": "0",
		"journal_size_limit": "67108864",
	}
	check := func(c *conn) error {
		for name, value := range want {
			if got := pragma(t, c, name); got != value {
				t.Errorf("%s is %s, want %s", name, got, value)
			}
		}
		return nil
	}
	if err := s.writer.do(t.Context(), check); err != nil {
		t.Error(err)
	}
	want["query_only"] = "1"
	delete(want, "journal_size_limit") // of those who write
	for range 3 {
		if err := s.readers.do(t.Context(), check); err != nil {
			t.Error(err)
		}
	}
}

func TestAWriterIsDurableAgainAfterATouch(t *testing.T) {
	s := open(t, newPath(t))
	mode := func(want string) {
		t.Helper()
		err := s.writer.do(t.Context(), func(c *conn) error {
			if got := pragma(t, c, "synchronous"); got != want {
				t.Errorf("synchronous is %s, want %s", got, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	ref := created(t, s, set("a", "1"))
	mode("2")
	ref.Policy.Idle *= 2
	if _, err := s.Touch(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	mode("1")
	if _, err := s.Save(t.Context(), ref, set("a", "2")); err != nil {
		t.Fatal(err)
	}
	mode("2")
}

func fileNames(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestAnExistingFileKeepsItsMode(t *testing.T) {
	path := newPath(t)
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	s := open(t, path) // zero bytes are a new database
	created(t, s, set("a", "1"))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Each is the name of a file, and nothing else.
func TestNoCharacterOfAPathIsAParameter(t *testing.T) {
	for _, name := range []string{
		"a b.db", "a?mode=ro", "a?_pragma=user_version(7)", "a%41.db", "%00", "a;attach 'b' as b", "a#b", "a&vfs=memdb",
		"?", "'", `"`, "é", "a?vfs=none", "memory:", ":memory:x", "100%", "a+b", `a\b`, "?immutable=1&mode=memory",
	} {
		for _, prefix := range []string{"", "sqlite:"} {
			dir := filepath.Join(t.TempDir(), "a b+%20")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name)
			s := open(t, prefix+path)
			created(t, s, set("a", "1"))
			for _, made := range fileNames(t, path) {
				if made != name && made != name+"-wal" && made != name+"-shm" {
					t.Errorf("opening %q has made %q", name, made)
				}
			}
			if err := s.writer.do(t.Context(), func(c *conn) error {
				if got := pragma(t, c, "user_version"); got != "0" {
					t.Errorf("%q: user_version is %s", name, got)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAFileThatAllMayWriteIsRefused(t *testing.T) {
	for _, size := range []int{0, 1} { // a new database, and one that is there
		path := newPath(t)
		if size > 0 {
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), path, migrated("sessions"))
		if err == nil || !strings.Contains(err.Error(), "chmod o-w") {
			t.Errorf("Open: %v", err)
		}
		if _, err := OpenDB(t.Context(), path); err == nil {
			t.Error("OpenDB opens it")
		}
	}
}

func TestARelativePathStaysWhereItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	s := open(t, "sqlite:live.db")
	t.Chdir(t.TempDir())
	created(t, s, set("a", "1"))
	if names := fileNames(t, "./x"); len(names) != 0 {
		t.Errorf("files were made in another directory: %q", names)
	}
}

// The store, the commands and the shell mean the same file by a path.
func TestAPathIsTheOperatingSystems(t *testing.T) {
	for path, want := range map[string]string{
		"sqlite:link/../y.db":  "real/y.db",
		"link/../y.db":         "real/y.db",
		"./link//.././y.db":    "real/y.db",
		"link/../only/y.db":    "real/only/y.db",
		"sqlite:sqlite:x.db":   "sqlite:x.db",
		"sqlite:file:x.db":     "file:x.db",
		"sqlite:file:x.db?a=b": "file:x.db?a=b",
		"sqlite:real/sub/z.db": "real/sub/z.db",
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		err := errors.Join(os.MkdirAll("real/sub", 0o700), os.Mkdir("real/only", 0o700), os.Symlink("real/sub", "link"))
		if err != nil {
			t.Fatal(err)
		}
		whole := "sqlite://" + filepath.ToSlash(dir) + "/" + strings.TrimPrefix(path, "sqlite:")
		for _, path := range []string{path, whole} {
			s, err := Open(t.Context(), path, migrated("sessions"))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			created(t, s, set("a", "1"))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if made := madeFiles(t); !slices.Equal(made, []string{want}) {
				t.Errorf("%s: %q were made, want %s", path, made, want)
			}
		}
	}
}

// madeFiles returns the regular files below the working directory.
func madeFiles(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			names = append(names, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "text")
	if err := os.WriteFile(other, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                 "no path",
		"sqlite:":                          "no path",
		"file:x.db":                        "plain path",
		"sqlite://host/x.db":               "has no host",
		"a\x00b":                           "zero byte",
		dir:                                "is a directory",
		"/dev/null":                        "no regular file",
		other:                              "is no SQLite database",
		filepath.Join(dir, "none", "x.db"): "cannot be made",
		filepath.Join(other, "x.db"):       "not a directory",
		"/proc/sessions.db":                "cannot be made",
	} {
		_, err := Open(t.Context(), path, migrated("sessions"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q): got %v, want: %s", path, err, want)
		}
	}
}

func TestOpenAsksForTheTable(t *testing.T) {
	path := newPath(t)
	_, err := Open(t.Context(), path)
	if !errors.Is(err, ErrNoTable) || !strings.Contains(err.Error(), "sessions-migrate up") {
		t.Errorf("without a table: %v", err)
	}
	open(t, path)
	_, err = Open(t.Context(), path, WithTable("others"))
	if !errors.Is(err, ErrNoTable) || !strings.Contains(err.Error(), "others") {
		t.Errorf("without that table: %v", err)
	}
	foreign := WithMigrate(func(ctx context.Context, db *sql.DB, _ string) error {
		_, err := db.ExecContext(ctx, "create table theirs (id text)")
		return err
	})
	_, err = Open(t.Context(), path, WithTable("theirs"), foreign)
	if err == nil || !strings.Contains(err.Error(), "not the one of this release") {
		t.Errorf("with another table: %v", err)
	}
}

func TestARefusedFileIsLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	theirs, empty := filepath.Join(dir, "theirs.db"), filepath.Join(dir, "empty.db")
	db, err := sql.Open("sqlite", theirs)
	if err == nil {
		_, err = db.Exec("create table notes (x)")
	}
	if err := errors.Join(err, db.Close(), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	absent, folder := filepath.Join(dir, "absent.db"), filepath.Join(dir, "no", "folder.db")
	for _, name := range []string{theirs, empty, absent, folder} {
		if _, err := Open(t.Context(), name); !errors.Is(err, ErrNoTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	after, err := os.ReadFile(theirs)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("somebody else's file was changed, %v", err)
	}
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Errorf("the empty file has %d bytes, %v", info.Size(), err)
	}
	if names := fileNames(t, theirs); len(names) != 2 {
		t.Errorf("files were made: %q", names)
	}
}

// The store writes bytes of UTF-8, which the table's check of the JSON would refuse there, for each session.
func TestAFileInUTF16IsRefused(t *testing.T) {
	for _, encoding := range []string{"UTF-16le", "UTF-16be"} {
		path := newPath(t)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Exec("pragma encoding = '" + encoding + "'; create table notes (x)")
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		asked := WithMigrate(func(context.Context, *sql.DB, string) error { t.Error("it was migrated"); return nil })
		for _, opts := range [][]Option{nil, {asked}} {
			_, err := Open(t.Context(), path, opts...)
			if err == nil || !strings.Contains(err.Error(), "a file of their own") {
				t.Errorf("%s: %v", encoding, err)
			}
		}
	}
}

func TestAFailedMigrationIsTold(t *testing.T) {
	want := errors.New("no")
	_, err := Open(t.Context(), newPath(t), WithMigrate(func(context.Context, *sql.DB, string) error { return want }))
	if !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, opt := range map[string]Option{
		"no table":          WithTable(""),
		"hostile table":     WithTable(`x"; drop table y; --`),
		"no readers":        WithReaders(0),
		"many readers":      WithReaders(1001),
		"no batch":          WithBatchSize(0),
		"negative batch":    WithBatchSize(-1),
		"no timeout":        WithBusyTimeout(0),
		"negative timeout":  WithBusyTimeout(-time.Second),
		"a negative map":    WithMemoryMap(-1),
		"too large a map":   WithMemoryMap(1 << 40),
		"no poll":           WithPollInterval(0),
		"a poll in no time": WithPollInterval(time.Microsecond),
	} {
		path := newPath(t)
		if _, err := Open(t.Context(), path, opt); err == nil {
			t.Errorf("%s: no error", name)
		}
		if names := fileNames(t, path); len(names) != 0 {
			t.Errorf("%s: files were made: %q", name, names)
		}
	}
}

func TestATableOfAnotherName(t *testing.T) {
	path := newPath(t)
	first := open(t, path)
	second := open(t, path, WithTable("Select"), migrated("Select"))
	ref := created(t, second, set("a", "1"))
	if _, err := second.Load(t.Context(), ref); err != nil {
		t.Error(err)
	}
	if _, err := first.Load(t.Context(), ref); err == nil {
		t.Error("the session is in both tables")
	}
}

func TestOpenHonoursItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := newPath(t)
	if _, err := Open(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if names := fileNames(t, path); slices.Contains(names, "sessions.db") {
		t.Error("the file was made")
	}
}

func TestDatabasesInMemoryAreApart(t *testing.T) {
	first, second := open(t, ":memory:"), open(t, "sqlite::memory:")
	ref := created(t, first, set("a", "1"))
	if _, err := second.Load(t.Context(), ref); err == nil {
		t.Error("two stores in memory share a database")
	}
}

func TestOpenDBOpensAsTheStoreDoes(t *testing.T) {
	path := newPath(t)
	db, err := OpenDB(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	var mode, vacuum string
	if err := db.QueryRow("pragma journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal_mode is %s, %v", mode, err)
	}
	if err := db.QueryRow("pragma auto_vacuum").Scan(&vacuum); err != nil || vacuum != "2" {
		t.Errorf("auto_vacuum is %s, %v", vacuum, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s, err := Open(t.Context(), newPath(t), migrated("sessions"))
	if err != nil {
		t.Fatal(err)
	}
	ref := created(t, s, set("a", "1"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Load(t.Context(), ref)
	for what, err := range map[string]error{
		"load": err, "delete": s.Delete(t.Context(), ref), "touch": second(s.Touch(t.Context(), ref)),
		"save": second(s.Save(t.Context(), ref, set("a", "2"))), "collect": second(s.Collect(t.Context(), store.CollectOptions{})),
	} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func second[A, B any](_ A, b B) B { return b }
