package sqlite

import (
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/storetest"
)

func TestContract(t *testing.T) {
	for name, opts := range map[string][]Option{
		"batches of 1":   {WithBatchSize(1)},
		"batches of 3":   {WithBatchSize(3)},
		"batches of 256": {WithBatchSize(256)},
		"mapped":         {WithMemoryMap(1 << 20)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, storetest.Harness{Require: storetest.All(), New: func(t *testing.T) storetest.Fixture {
				return fixture(t, open(t, newPath(t), opts...))
			}})
		})
	}
}

func TestContractInMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{Require: storetest.All(), New: func(t *testing.T) storetest.Fixture {
		return fixture(t, open(t, ":memory:"))
	}})
}

func fixture(t *testing.T, s *Store) storetest.Fixture {
	return storetest.Fixture{
		Store: s,
		Advance: func(d time.Duration) {
			ms := d.Milliseconds()
			edit(t, s, `update sessions set created_at = created_at - ?1, accessed_at = accessed_at - ?1,
				expires_at = expires_at - ?1, rotated_at = rotated_at - ?1, authenticated_at = authenticated_at - ?1`, ms)
		},
		Corrupt: func(key store.Handle, data string) {
			edit(t, s, `update sessions set data = ?1 where id = ?2`, data, key[:])
		},
		Tie: func() { edit(t, s, `update sessions set expires_at = (select min(expires_at) from sessions)`) },
	}
}
