package sqlite

import (
	"errors"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

// Another store on the file stands for another process, which does not know of this one's locks.
func TestALockedSaveSeesWhatAnotherProcessHasChanged(t *testing.T) {
	path := newPath(t)
	s, other := open(t, path), open(t, path)
	ref := created(t, s, set("n", "1"))
	var seen []string
	saved, err := s.SaveLocked(t.Context(), ref, func(r store.Record) (store.Change, error) {
		seen = append(seen, string(r.Data))
		if len(seen) == 1 {
			if _, err := other.Save(t.Context(), ref, set("n", "2")); err != nil {
				t.Error(err)
			}
		}
		return set("m", "3"), nil
	})
	if err != nil || saved.Version != 3 || len(seen) != 2 || seen[1] != `{"n":2}` {
		t.Errorf("version %d, %v; the function saw %q", saved.Version, err, seen)
	}
	if r, err := s.Load(t.Context(), ref); err != nil || string(r.Data) != `{"m":3,"n":2}` {
		t.Errorf("%s, %v", r.Data, err)
	}
	_, err = s.SaveLocked(t.Context(), ref, func(store.Record) (store.Change, error) {
		return set("m", "4"), other.Delete(t.Context(), ref)
	})
	if !errors.Is(err, store.ErrGone) {
		t.Errorf("the row is gone: %v", err)
	}
}
