package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"
)

const lockSuffix = "-collect"

// lockPatience is how long a run tries to get its lock. Merely opening the file locks it for a moment, so that of
// several runs that begin at once none might get it at its first try.
const lockPatience = 50 * time.Millisecond

// lockRun takes the run lock, or fails with a busy file. The lock is that of an exclusive transaction on a database
// that stays empty: the one way of locking a file that this module has on every system, and one that ends with the
// process.
func (s *Store) lockRun(ctx context.Context) (unlock func(), err error) {
	db := s.at.real()
	if err := db.makeLockFile(); err != nil {
		return nil, err
	}
	c, err := connect(ctx, db.beside(lockSuffix), locking, lockPatience, "")
	if err != nil {
		return nil, err
	}
	err = retryBusy(ctx, lockPatience, func() error { return c.script("begin exclusive") })
	if err != nil {
		_ = c.close()
		return nil, err
	}
	return func() { _ = c.close() }, nil
}

// makingLockFile is held while a lock file may be made: to close a file drops the locks that this process has on it.
var makingLockFile sync.Mutex

// makeLockFile makes the lock file unless it is there. It is for all who may write to the database, whoever collects
// first: an operator's command, perhaps, run as root beside a service.
func (l location) makeLockFile() error {
	if l.path == "" {
		return nil
	}
	makingLockFile.Lock()
	defer makingLockFile.Unlock()
	like, err := os.Stat(l.path)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(l.beside(lockSuffix).path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	giveAway(file, like)
	return errors.Join(file.Chmod(like.Mode().Perm()), file.Close())
}

// forbidden reports whether err says that another user's file may not be opened, or none made.
func forbidden(err error) bool {
	c := code(err)
	return c == lib.SQLITE_CANTOPEN || c == lib.SQLITE_READONLY || errors.Is(err, fs.ErrPermission)
}
