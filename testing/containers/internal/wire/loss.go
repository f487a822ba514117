package wire

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync/atomic"
)

// Loss dials connections and loses one answer of the server: that to the next message that holds a text. The message
// arrives, and when its answer comes the connection ends instead.
type Loss struct {
	text atomic.Pointer[string]
}

// Expect names the text. It is waited for once.
func (l *Loss) Expect(text string) { l.text.Store(&text) }

// Pending reports whether the text has not come yet.
func (l *Loss) Pending() bool { return l.text.Load() != nil }

// Dial connects as a net.Dialer does.
func (l *Loss) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &losing{Conn: conn, loss: l}, nil
}

type losing struct {
	net.Conn
	loss *Loss
	lost atomic.Bool
}

func (c *losing) Write(b []byte) (int, error) {
	text := c.loss.text.Load()
	if text != nil && bytes.Contains(b, []byte(*text)) && c.loss.text.CompareAndSwap(text, nil) {
		c.lost.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *losing) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.lost.Load() {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}
