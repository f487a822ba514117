package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/disk"
	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/model"
)

// room mounts a filesystem for the database if it is to be filled, and returns the folder for the database: that, or
// the trial's own. Where that is not permitted, the trial goes without the fault, and says so.
func (t *Trial) room(db *database, size int64) (dir string, err error) {
	if !slices.Contains(t.Faults, diskFull) {
		return t.Dir, nil
	}
	db.disk, err = disk.Mount(t.Dir, size)
	if errors.Is(err, disk.ErrNotPermitted) {
		_, _ = fmt.Fprintf(t.Log, "not tried: %s: %v\n", diskFull, err)
		t.Faults = slices.DeleteFunc(slices.Clone(t.Faults), func(name string) bool { return name == diskFull })
		t.untried = append(t.untried, diskFull)
		return t.Dir, nil
	}
	if err != nil {
		return "", err
	}
	return db.disk.Dir, nil
}

// refill is how often what the database gives back is taken, while the disk is to be full.
const refill = 50 * time.Millisecond

// fillDisk fills the database's filesystem, and frees it again. Meanwhile Postgres has to begin a new piece of its log,
// as it has to sooner or later. It may have ended by then, since it starts again by itself and finds no room for that; an
// operator starts it.
func (r *round) fillDisk(ctx context.Context) error {
	start := history.Now()
	for end := time.Now().Add(time.Duration(500+r.rnd.IntN(1000)) * time.Millisecond); ; {
		if err := r.db.disk.Fill(); err != nil {
			return err
		}
		if r.db.server != nil {
			_ = r.db.server.Exec(ctx, "select pg_switch_wal()") // which it may not survive
		}
		if time.Now().After(end) {
			break
		}
		time.Sleep(refill)
	}
	r.away(model.DiskFull, start)
	if err := r.db.disk.Free(); err != nil || r.db.server == nil {
		return err
	}
	defer r.away("starting again", history.Now())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return r.db.server.Revive(ctx)
}
