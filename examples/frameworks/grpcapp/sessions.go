package grpcapp

import (
	"context"
	"errors"
	"net/http"

	"github.com/simples-go/sessions/session"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TokenKey is the metadata in which the token travels, in both directions. An empty one ends the client's token.
const TokenKey = "session-token"

// Unary is the interceptor for calls: a call that returns an error, or panics, saves nothing.
func Unary(m *session.Manager) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
		x, err := begin(ctx, m)
		if err != nil {
			return nil, failed(err)
		}
		defer x.Close()
		committed := false
		defer func() {
			if !committed {
				x.Discard()
			}
			if unsent := announce(x, func(md metadata.MD) error { return grpc.SetHeader(ctx, md) }); err == nil {
				err = unsent
			}
		}()
		if out, err = next(x.Context(), in); err != nil {
			return nil, err
		}
		if err = x.Commit(); err != nil {
			return nil, failed(err)
		}
		committed = true
		return out, nil
	}
}

// Stream is the interceptor for streams, which have the session that the client had when it opened them. Their context
// ends with it, and what they change is saved at their end.
func Stream(m *session.Manager) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		x, err := begin(ss.Context(), m)
		if err != nil {
			return failed(err)
		}
		defer x.Close()
		ctx, err := session.Watch(x.Context())
		if err != nil {
			return failed(err)
		}
		if err := announce(x, ss.SetHeader); err != nil {
			return err
		}
		err = next(srv, &stream{ss, ctx})
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, session.ErrGone), errors.Is(cause, session.ErrShutdown):
			return failed(cause)
		case err != nil:
			return err
		}
		if err := x.Commit(); err != nil {
			return failed(err)
		}
		return nil
	}
}

// stream is gRPC's, with another context.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context returns the context with the session, which ends with it.
func (s *stream) Context() context.Context { return s.ctx }

func begin(ctx context.Context, m *session.Manager) (*session.Exchange, error) {
	switch tokens := metadata.ValueFromIncomingContext(ctx, TokenKey); len(tokens) {
	case 0:
		return m.Begin(ctx, "")
	case 1:
		return m.Begin(ctx, tokens[0])
	}
	return nil, session.ErrAmbiguous
}

func announce(x *session.Exchange, set func(metadata.MD) error) error {
	if token, due := x.Token(); due {
		return set(metadata.Pairs(TokenKey, token))
	}
	return nil
}

// failed is what an error of the session's means to a client of gRPC.
func failed(err error) error {
	code := codes.Unavailable
	switch session.StatusCode(err) {
	case http.StatusBadRequest:
		code = codes.InvalidArgument
	case http.StatusConflict:
		code = codes.Unauthenticated
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		code = codes.ResourceExhausted
	case http.StatusInternalServerError:
		code = codes.Internal
	}
	return status.Error(code, "session: "+code.String())
}
