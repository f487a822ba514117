package browser

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// quiet is a network namespace with nothing but a loopback interface. Chromium drops the requests that wait whenever an
// interface of the machine comes or goes (net::ERR_NETWORK_CHANGED), as those of containers do, which other tests start.
// In here none does. The nodes stay outside; connections to their addresses are passed on.
type quiet struct {
	t    *testing.T
	path string               // of the namespace
	work chan func()          // for the thread that is in it
	open map[string]io.Closer // listeners, by address
}

// newQuiet makes a namespace that ends with the test. It takes root, and nsenter of util-linux; otherwise it returns nil.
func newQuiet(t *testing.T) *quiet {
	t.Helper()
	if _, err := exec.LookPath("nsenter"); err != nil {
		t.Logf("Chromium sees this machine's network changes: %v", err)
		return nil
	}
	q := &quiet{t: t, work: make(chan func()), open: map[string]io.Closer{}}
	entered := make(chan error)
	go q.thread(entered)
	if err := <-entered; err != nil {
		t.Logf("Chromium sees this machine's network changes: %v", err)
		return nil
	}
	t.Cleanup(q.close)
	return q
}

// thread enters the namespace and works in it. It never leaves, so that its thread ends with it.
func (q *quiet) thread(entered chan<- error) {
	runtime.LockOSThread()
	q.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		err = raiseLoopback()
	}
	entered <- err
	if err != nil {
		return
	}
	for work := range q.work {
		work()
	}
}

func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback)
}

// command returns the path of a program that runs another in the namespace.
func (q *quiet) command(program string) string {
	q.t.Helper()
	path := filepath.Join(q.t.TempDir(), "quiet")
	script := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=%s %s \"$@\"\n", q.path, program)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		q.t.Fatal(err)
	}
	return path
}

// pass passes connections to addr on to the same address outside.
func (q *quiet) pass(addr string) {
	q.t.Helper()
	if q == nil || q.open[addr] != nil {
		return
	}
	var listener net.Listener
	var err error
	listening := make(chan struct{})
	q.work <- func() {
		defer close(listening)
		listener, err = net.Listen("tcp", addr)
	}
	<-listening
	if err != nil {
		q.t.Fatal(err)
	}
	q.open[addr] = listener
	go serve(listener, addr)
}

func serve(listener net.Listener, addr string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go join(conn, addr)
	}
}

// join copies in both directions until both have ended.
func join(inside net.Conn, addr string) {
	defer inside.Close()
	outside, err := net.Dial("tcp", addr)
	if err != nil {
		return // as if nobody listened
	}
	defer outside.Close()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{inside, outside}, {outside, inside}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // its error is the end of the connection
			_ = way[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

func (q *quiet) close() {
	for _, listener := range q.open {
		_ = listener.Close()
	}
	close(q.work)
}
