package migrate

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// migration is one rendered file.
type migration struct {
	version  int64
	name     string // the file's
	up, down string
}

// parse reads the files of a rendered file system, in the order of their versions.
func parse(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("migrate: no migration files: %w", err)
	}
	var list []migration
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("migrate: reading %s: %w", name, err)
		}
		one, err := parseFile(name, string(text))
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func parseFile(name, text string) (migration, error) {
	number, _, _ := strings.Cut(name, "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return migration{}, fmt.Errorf("migrate: %s does not begin with a version", name)
	}
	up, down, ok := strings.Cut(text, "-- +goose Down")
	if !ok {
		return migration{}, fmt.Errorf("migrate: %s has no way down", name)
	}
	_, up, _ = strings.Cut(up, "-- +goose Up")
	return migration{version, name, strings.TrimSpace(up), strings.TrimSpace(down)}, nil
}
