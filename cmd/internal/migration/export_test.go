package migration

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/simples-go/sessions/migrations/migrate"
)

// The new files of an update follow the application's newest, without a gap for those that are there.
func TestNumbersOfNewFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "000007_sessions.up.sql"), []byte("-- first\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := []migrate.File{
		{Name: "000042_sessions.up.sql", Number: "000042", Mark: "-- first"},
		{Name: "000043_more.up.sql", Number: "000043", Mark: "-- second"},
		{Name: "000043_more.down.sql", Number: "000043", Mark: "-- second, taken back"},
		{Name: "V000044__most.sql", Number: "000044", Mark: "-- third"},
	}
	var said []string
	err := exporting{dir: dir}.write(files, func(line string) error {
		said = append(said, line)
		return nil
	})
	want := []string{"000042_sessions.up.sql: is there already as 000007_sessions.up.sql", "000042_more.up.sql: written",
		"000042_more.down.sql: written", "V000043__most.sql: written"}
	if err != nil || !slices.Equal(said, want) {
		t.Errorf("it says %q, %v", said, err)
	}
}
