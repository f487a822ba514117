package simulate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// network brings requests to the nodes without any network, which synctest could not follow.
type network struct {
	nodes map[string]http.Handler
	work  sync.WaitGroup // handlers
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &answer{header: http.Header{}, ready: make(chan struct{}), failed: make(chan struct{})}
	n.work.Go(func() {
		defer cancel()
		a.serve(n.nodes[req.URL.Host], arrived(ctx, req, body))
	})
	select {
	case <-a.ready:
		return a.response(req), nil
	case <-a.failed:
		return nil, errors.New("the server has closed the connection")
	case <-req.Context().Done():
		cancel()
		return nil, req.Context().Err()
	}
}

// arrived is the request as the server sees it.
func arrived(ctx context.Context, req *http.Request, body []byte) *http.Request {
	in := req.Clone(ctx)
	in.Host, in.RequestURI, in.RemoteAddr = req.URL.Host, req.URL.RequestURI(), "192.0.2.1:1234"
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return in
}

// answer is the http.ResponseWriter of one request.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
	client net.Conn      // of a socket
	ready  chan struct{} // closed when there is a response
	failed chan struct{} // closed when the handler has panicked
}

func (a *answer) serve(node http.Handler, req *http.Request) {
	defer func() {
		if recover() != nil {
			close(a.failed)
		}
	}()
	node.ServeHTTP(a, req)
	if a.client == nil {
		a.WriteHeader(http.StatusOK)
		close(a.ready)
	}
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status, a.header = status, a.header.Clone()
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Hijack implements http.Hijacker.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	client, server := net.Pipe()
	a.client = client
	close(a.ready)
	return server, bufio.NewReadWriter(bufio.NewReader(server), bufio.NewWriter(server)), nil
}

func (a *answer) response(req *http.Request) *http.Response {
	resp := &http.Response{StatusCode: a.status, Header: a.header, Request: req, ProtoMajor: 1, ProtoMinor: 1}
	if resp.Body = io.NopCloser(&a.body); a.client != nil {
		resp.Body = a.client
	}
	return resp
}
