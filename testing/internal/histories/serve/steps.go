package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// run makes the session do a step.
func run(ctx context.Context, s *session.Session, step wire.Step) wire.Result {
	res := wire.Result{Call: history.Now()}
	err := do(ctx, s, step, &res)
	res.Return, res.Error = history.Now(), classify(err)
	if err != nil {
		res.Text = err.Error()
	}
	res.Token = s.ID().Reveal()
	return res
}

func do(ctx context.Context, s *session.Session, step wire.Step, res *wire.Result) error {
	switch step.Do {
	case wire.Set:
		return s.Set(step.Key, step.N)
	case wire.Delete:
		return errors.Join(seen(s, step.Key), s.Delete(step.Key))
	case wire.Clear:
		return errors.Join(seen(s, "a"), s.Clear())
	case wire.Add:
		return add(ctx, s, step.Add, res)
	case wire.Save:
		return s.Save(ctx)
	case wire.Load:
		err := s.Load(ctx)
		res.View = view(s)
		return err
	case wire.Touch:
		return s.Update(ctx)
	case wire.Rotate:
		return s.Generate()
	case wire.Login:
		return errors.Join(s.Renew(), s.SetOwner(step.Owner))
	case wire.Timeout:
		return errors.Join(s.SetAbsoluteTimeout(ms(step.Absolute)), s.SetTimeout(ms(step.Idle)))
	case wire.Destroy:
		return s.Destroy(ctx)
	case wire.Panic:
		panic("as told")
	case wire.Pause:
		return pause(ctx, ms(step.N))
	}
	return fmt.Errorf("a step that nobody knows: %q", step.Do)
}

// seen sees to it that there is something to remove: else nothing would be removed, and whether it was would depend on
// what the handler has loaded.
func seen(s *session.Session, key string) error {
	if s.Has(key) {
		return nil
	}
	return s.Set(key, 0)
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// pause holds a handler up. A client that has gone does not end it.
func pause(_ context.Context, d time.Duration) error {
	time.Sleep(d)
	return nil
}

func add(ctx context.Context, s *session.Session, delta map[string]int64, res *wire.Result) error {
	return s.Modify(ctx, func(d *session.Draft) error {
		got := map[string]int64{}
		for key, n := range delta {
			old, err := session.Get[int64](d, key)
			if err != nil {
				return err
			}
			got[key] = old + n
			if err := d.Set(key, old+n); err != nil {
				return err
			}
		}
		res.View = got
		return nil
	})
}

// view returns all entries. They are all numbers here.
func view(s *session.Session) map[string]int64 {
	all := map[string]int64{}
	for key, raw := range s.All() {
		var n int64
		if err := json.Unmarshal(raw, &n); err != nil {
			panic(err)
		}
		all[key] = n
	}
	return all
}
