package store

import "fmt"

// OwnerLimit bounds how many live sessions an owner may have in a realm. It is applied, in one atomic step with the save,
// if a Change gives a row an owner that it did not have. Only a Finder has to honour it.
type OwnerLimit struct {
	Max       int  // 0: no limit
	EndOldest bool // end the oldest others (by CreatedAt) to make room; otherwise ErrOwnerLimit
}

// Applies reports whether a session that changes from one owner to another, "" being none, counts against the limit.
func (l OwnerLimit) Applies(old, owner string) bool { return l.Max > 0 && owner != "" && owner != old }

// MakeRoom returns those of the owner's other live sessions, which come newest first, that have to end so that one more
// may join them, or ErrOwnerLimit.
func (l OwnerLimit) MakeRoom(others []Record) (oldest []Record, err error) {
	switch {
	case l.Max <= 0 || len(others) < l.Max:
		return nil, nil
	case !l.EndOldest:
		return nil, fmt.Errorf("%w: %d of %d", ErrOwnerLimit, len(others), l.Max)
	}
	return others[l.Max-1:], nil
}
