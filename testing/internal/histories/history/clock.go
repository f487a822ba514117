package history

import "golang.org/x/sys/unix"

// Now is the machine's monotonic clock in nanoseconds: all processes of the machine agree on it, and nothing steps it.
func Now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}
