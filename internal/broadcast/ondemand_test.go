package broadcast

import (
	"context"
	"testing"
	"testing/synctest"
)

// The function runs once, however many listen, from the first listener's beginning to the last one's end, and again for
// those who come later.
func TestTheFunctionRunsWhileAnybodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, running := 0, 0
		o := &OnDemand[int]{Run: func(ctx context.Context) {
			begun++
			running++
			<-ctx.Done()
			running--
		}}
		listen := func() (end func()) {
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- o.Listen(ctx, missed, func(int) {}) }()
			synctest.Wait()
			return func() {
				stop()
				<-done
			}
		}
		expect := func(when string, wantBegun, wantRunning int) {
			t.Helper()
			if begun != wantBegun || running != wantRunning {
				t.Errorf("%s it was begun %d times and runs %d times, want %d and %d",
					when, begun, running, wantBegun, wantRunning)
			}
		}
		expect("before anybody listens", 0, 0)
		endFirst, endSecond := listen(), listen()
		expect("with two listeners", 1, 1)
		endFirst()
		expect("with one left", 1, 1)
		endSecond()
		expect("when the last has left", 1, 0)
		endThird := listen()
		expect("with another one", 2, 1)
		endThird()
		expect("at the end", 2, 0)
	})
}
