package batch

import (
	"context"
	"testing"
	"testing/synctest"
)

type nameKey struct{}

// A call for one caller has what its context carries, that for several has what none of theirs does.
func TestABatchHasNobodysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []any
		g, f := newGroup(t, func(o *Options[string, request, string]) {
			o.Shared = context.WithValue(t.Context(), nameKey{}, "shared")
			one, many := o.One, o.Many
			o.One = func(ctx context.Context, r request) (string, error) {
				names = append(names, ctx.Value(nameKey{}))
				return one(ctx, r)
			}
			o.Many = func(ctx context.Context, r []request) []Result[string] {
				names = append(names, ctx.Value(nameKey{}))
				return many(ctx, r)
			}
		})
		named := func(name string) context.Context { return context.WithValue(t.Context(), nameKey{}, name) }
		a := call(g, named("ann"), "a", "")
		b, c := call(g, named("bob"), "b", ""), call(g, named("cy"), "c", "")
		f.gate <- struct{}{}
		expect(t, a, "a=")
		d := call(g, named("dan"), "d", "")
		f.gate <- struct{}{}
		expect(t, b, "b=")
		expect(t, c, "c=")
		f.gate <- struct{}{}
		expect(t, d, "d=")
		if len(names) != 3 || names[0] != "ann" || names[1] != "shared" || names[2] != "dan" {
			t.Errorf("the contexts were those of %v", names)
		}
	})
}
