package grpcapp

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Token is what a client remembers between its calls. Its interceptors are for grpc.NewClient.
type Token struct {
	mu    sync.Mutex
	value string
}

// Unary sends the token with a call, and keeps the one that comes back.
func (t *Token) Unary(
	ctx context.Context, method string, in, out any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	var header metadata.MD
	err := call(t.outgoing(ctx), method, in, out, conn, append(options, grpc.Header(&header))...)
	if sent := header.Get(TokenKey); len(sent) > 0 {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.value = sent[0]
	}
	return err
}

// Stream sends the token with a stream.
func (t *Token) Stream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return open(t.outgoing(ctx), desc, conn, method, options...)
}

func (t *Token) outgoing(ctx context.Context) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, TokenKey, t.value)
}
