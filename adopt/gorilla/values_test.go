package gorilla

import (
	"net/http/httptest"
	"testing"
	"weak"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// Nothing is kept of a session that has ended, nor of one that there never was: anybody can ask for those.
func TestNothingIsKept(t *testing.T) {
	store, err := New(memstore.New(), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, saved := range []bool{false, true} {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		one, err := store.Get(r, "shop")
		if err != nil {
			t.Fatal(err)
		}
		if saved {
			one.Values["n"] = 1
			if err := one.Save(r, w); err != nil {
				t.Error(err)
			}
		}
		one.Options.MaxAge = -1
		if err := one.Save(r, w); err != nil {
			t.Error(err)
		}
		if k, there := knowledgeOf.Load(weak.Make(one)); there {
			t.Errorf("kept: %v", k)
		}
	}
}
