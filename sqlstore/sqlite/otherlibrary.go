package sqlite

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// otherDrivers are the names under which other SQLite libraries register with database/sql. They know nothing of the
// descriptors that modernc.org/sqlite has.
var otherDrivers = []string{"sqlite3", "libsql"} // mattn and ncruces take the first

// otherDriver returns the driver's name of another SQLite library that the program has, "" if there is none.
func otherDriver() string {
	for _, name := range sql.Drivers() {
		if slices.Contains(otherDrivers, name) {
			return name
		}
	}
	return ""
}

// openStores counts the stores on each file.
var openStores struct {
	sync.Mutex
	byPath map[string]int
}

// count adds n to the number of stores on the file, and returns what it was.
func (l location) count(n int) (before int) {
	openStores.Lock()
	defer openStores.Unlock()
	if openStores.byPath == nil {
		openStores.byPath = map[string]int{}
	}
	path := l.real().path
	before = openStores.byPath[path]
	if openStores.byPath[path] += n; openStores.byPath[path] == 0 {
		delete(openStores.byPath, path)
	}
	return before
}

// checkOtherLibrary refuses a file that this process has open already, if another library may have opened it: the locks
// of two libraries of one process undo each other. It finds nothing if the system does not list a process's descriptors.
func (l location) checkOtherLibrary() error {
	driver := otherDriver()
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
