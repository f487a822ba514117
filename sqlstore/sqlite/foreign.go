package sqlite

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// others are the names under which other SQLite libraries register with database/sql. They know nothing of the
// descriptors that modernc.org/sqlite has.
var others = []string{"sqlite3", "libsql"} // mattn and ncruces take the first

// linked returns the driver's name of another SQLite library that the program has, "" if there is none.
func linked() string {
	for _, name := range sql.Drivers() {
		if slices.Contains(others, name) {
			return name
		}
	}
	return ""
}

// ours counts the stores on each file.
var ours struct {
	sync.Mutex
	stores map[string]int
}

func (l location) count(n int) (before int) {
	ours.Lock()
	defer ours.Unlock()
	if ours.stores == nil {
		ours.stores = map[string]int{}
	}
	path := l.real().path
	before = ours.stores[path]
	if ours.stores[path] += n; ours.stores[path] == 0 {
		delete(ours.stores, path)
	}
	return before
}

// checkForeign refuses a file that this process has open already, if another library may have opened it: the locks of
// two libraries of one process undo each other. It finds nothing if the system does not list a process's descriptors.
func (l location) checkForeign() error {
	driver := linked()
	if driver == "" || l.path == "" || l.count(0) > 0 || !opened(l.path) {
		return nil
	}
	return fmt.Errorf("sqlite: %s is open in this process, which has the driver %q too: two SQLite libraries destroy a "+
		"file; give sessions a file of their own, or hand the *sql.DB that has it open to sqlitedb.New", l, driver)
}

// opened reports whether this process has a descriptor of the file.
func opened(path string) bool {
	file, err := os.Stat(path)
	if err != nil {
		return false
	}
	descriptors, _ := filepath.Glob("/proc/self/fd/*")
	return slices.ContainsFunc(descriptors, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && os.SameFile(info, file)
	})
}
