package connectapp

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"

	"connectrpc.com/connect"
	"github.com/simples-go/sessions/session"
)

// Sessions is the interceptor. The token travels as the manager's Config says: in a header, or in a cookie for browsers.
// A call that returns an error saves nothing; recovery from panics stands inside.
func Sessions(m *session.Manager) connect.Interceptor { return &interceptor{m} }

type interceptor struct{ m *session.Manager }

// WrapUnary implements connect.Interceptor.
func (i *interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, in connect.AnyRequest) (connect.AnyResponse, error) {
		if in.Spec().IsClient {
			return next(ctx, in)
		}
		x, err := i.begin(ctx, in.Spec(), in.Header())
		if err != nil {
			return nil, failed(err)
		}
		defer x.Close()
		out, err := next(x.Context(), in)
		if err == nil {
			err = commit(x)
		}
		if err != nil {
			x.Discard()
			own := copied(err)
			x.Announce(own.Meta())
			if in.Peer().Protocol != connect.ProtocolConnect {
				own.Meta().Del("Cache-Control") // they go into trailers, where it may not stand
			}
			return nil, own
		}
		x.Announce(out.Header())
		return out, nil
	}
}

// WrapStreamingHandler implements connect.Interceptor. A stream has the session that its client had when it opened it; its
// context ends with the session, and what it changes is saved at its end.
func (i *interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		x, err := i.begin(ctx, conn.Spec(), conn.RequestHeader())
		if err != nil {
			return failed(err)
		}
		defer x.Close()
		ctx, err = session.Watch(x.Context())
		x.Announce(conn.ResponseHeader())
		if err != nil {
			return failed(err)
		}
		err = next(ctx, conn)
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, session.ErrGone), errors.Is(cause, session.ErrShutdown):
			return failed(cause)
		case err != nil:
			return err
		}
		return commit(x)
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (i *interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (i *interceptor) begin(ctx context.Context, spec connect.Spec, header http.Header) (*session.Exchange, error) {
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: spec.Procedure}, Header: header}
	return i.m.BeginRequest(r.WithContext(ctx))
}

func commit(x *session.Exchange) error {
	if err := x.Commit(); err != nil {
		return failed(err)
	}
	return nil
}

// copied returns an error of this call's own: a handler may return the same one to every client.
func copied(err error) *connect.Error {
	var was *connect.Error
	if !errors.As(err, &was) {
		return connect.NewError(connect.CodeOf(err), err)
	}
	own := connect.NewError(was.Code(), was.Unwrap())
	for _, detail := range was.Details() {
		own.AddDetail(detail)
	}
	maps.Copy(own.Meta(), was.Meta())
	return own
}

// failed is what an error of the session's means to a client.
func failed(err error) error {
	code := connect.CodeUnavailable
	switch session.StatusCode(err) {
	case http.StatusBadRequest:
		code = connect.CodeInvalidArgument
	case http.StatusForbidden:
		code = connect.CodePermissionDenied
	case http.StatusConflict:
		code = connect.CodeUnauthenticated
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		code = connect.CodeResourceExhausted
	case http.StatusInternalServerError:
		code = connect.CodeInternal
	}
	return connect.NewError(code, errors.New("session: "+code.String()))
}
