package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/simples-go/sessions/session/store"
)

type options struct{ addr, databaseURL string }

func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("live", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	flags.StringVar(&o.databaseURL, "database-url", "sqlite:live.db", "where sessions are kept: sqlite:path or postgres://…")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		_, _ = fmt.Fprintf(out, "unexpected argument: %q\n", flags.Arg(0))
		return o, errors.New("unexpected argument")
	}
	return o, nil
}

// run serves until ctx ends, and then shuts down.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // closed already where it has served
	store, err := openStore(ctx, o.databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	a, err := newApp(store, listener.Addr().String())
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "live: open http://%s, sessions are kept in %s\n", listener.Addr(), store.name)
	return a.serve(ctx, listener)
}

// shutdownTime bounds how long requests, sockets and their saves may take to end.
const shutdownTime = 10 * time.Second

func (a *app) serve(ctx context.Context, listener net.Listener) error {
	stop := a.background()
	defer stop()
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	// The server does not know of sockets, and the manager does not know of requests.
	return errors.Join(a.sessions.Shutdown(grace), server.Shutdown(grace))
}

// background starts what runs beside the server. stop waits for its end.
func (a *app) background() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { a.tabs.run(ctx) })
	if collector, ok := a.sessions.Store().(store.Collector); ok {
		work.Go(func() { collect(ctx, collector) })
	}
	return func() {
		cancel()
		work.Wait()
	}
}
