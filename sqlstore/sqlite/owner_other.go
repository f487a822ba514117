//go:build !unix

package sqlite

import (
	"io/fs"
	"os"
)

func giveAway(*os.File, fs.FileInfo) {}
