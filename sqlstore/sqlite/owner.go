//go:build unix

package sqlite

import (
	"io/fs"
	"os"
	"syscall"
)

// giveAway gives a file the group and the owner of another, as far as the system lets this process.
func giveAway(file *os.File, like fs.FileInfo) {
	if stat, ok := like.Sys().(*syscall.Stat_t); ok {
		_ = file.Chown(-1, int(stat.Gid))
		_ = file.Chown(int(stat.Uid), -1)
	}
}
