// Package connectapp shows sessions with connect: an interceptor on an Exchange, so that a call which fails saves nothing
// in any of its protocols. That of net/http would see a status of 200 whenever gRPC's is in the trailers.
package connectapp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Service is the service's name.
const Service = "/visits.Account/"

type (
	empty = connect.Request[emptypb.Empty]
	text  = connect.Request[wrapperspb.StringValue]
	done  = connect.Response[emptypb.Empty]
)

// New returns the program, with a limit of time for its calls.
func New(sessions *session.Manager, limit time.Duration) http.Handler {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	with := []connect.HandlerOption{
		connect.WithReadMaxBytes(1 << 20),
		connect.WithInterceptors(logCalls(log), within(limit), Sessions(sessions)),
		connect.WithRecover(func(context.Context, connect.Spec, http.Header, any) error {
			return connect.NewError(connect.CodeInternal, errors.New("panic"))
		}),
	}
	a := &account{sessions}
	mux := http.NewServeMux()
	mux.Handle(Service+"Login", connect.NewUnaryHandler(Service+"Login", a.Login, with...))
	mux.Handle(Service+"Logout", connect.NewUnaryHandler(Service+"Logout", a.Logout, with...))
	mux.Handle(Service+"Account", connect.NewUnaryHandler(Service+"Account", a.Account, with...))
	mux.Handle(Service+"End", connect.NewUnaryHandler(Service+"End", a.End, with...))
	mux.Handle(Service+"Fill", connect.NewUnaryHandler(Service+"Fill", a.Fill, with...))
	mux.Handle(Service+"Break", connect.NewUnaryHandler(Service+"Break", a.Break, with...))
	mux.Handle(Service+"Abort", connect.NewUnaryHandler(Service+"Abort", a.Abort, with...))
	mux.Handle(Service+"Late", connect.NewUnaryHandler(Service+"Late", a.Late, with...))
	mux.Handle(Service+"Events", connect.NewServerStreamHandler(Service+"Events", a.Events, with...))
	return http.NewCrossOriginProtection().Handler(mux)
}

// logCalls logs calls and their ends.
func logCalls(log *slog.Logger) connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, in connect.AnyRequest) (connect.AnyResponse, error) {
			out, err := next(ctx, in)
			log.InfoContext(ctx, in.Spec().Procedure, "error", err)
			return out, err
		}
	}
}

// within limits the time of calls.
func within(limit time.Duration) connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, in connect.AnyRequest) (connect.AnyResponse, error) {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			return next(ctx, in)
		}
	}
}

// account is the service.
type account struct{ sessions *session.Manager }

// errWho is one error for all calls.
var errWho = connect.NewError(connect.CodeInvalidArgument, errors.New("who is it?"))

// Login begins a user's session.
func (a *account) Login(ctx context.Context, in *text) (*done, error) {
	if in.Msg.Value == "" {
		return nil, errWho
	}
	if _, err := suite.Login(ctx, in.Msg.Value); err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(&emptypb.Empty{}), nil
}

// Logout ends the session.
func (a *account) Logout(ctx context.Context, _ *empty) (*done, error) {
	if err := suite.Logout(ctx); err != nil {
		return nil, failed(err)
	}
	return connect.NewResponse(&emptypb.Empty{}), nil
}

// Account shows who is logged in, the flash message once, and the user's sessions.
func (a *account) Account(ctx context.Context, _ *empty) (*connect.Response[wrapperspb.BytesValue], error) {
	shown, err := suite.Account(ctx, a.sessions)
	if err != nil {
		return nil, failed(err)
	}
	raw, err := json.Marshal(shown)
	return connect.NewResponse(wrapperspb.Bytes(raw)), err
}

// End ends one of the user's sessions.
func (a *account) End(ctx context.Context, in *text) (*done, error) {
	ended, err := suite.End(ctx, a.sessions, in.Msg.Value)
	switch {
	case err != nil:
		return nil, failed(err)
	case !ended:
		return nil, connect.NewError(connect.CodeNotFound, errors.New("no such session"))
	}
	return connect.NewResponse(&emptypb.Empty{}), nil
}

// Fill sets more than a session holds.
func (a *account) Fill(ctx context.Context, _ *empty) (*done, error) {
	suite.Fill(ctx)
	return connect.NewResponse(&emptypb.Empty{}), nil
}

// Break panics, when it has given the session a new token.
func (a *account) Break(ctx context.Context, _ *empty) (*done, error) {
	s := session.FromContext(ctx)
	if err := errors.Join(s.Generate(), s.Save(ctx)); err != nil {
		return nil, failed(err)
	}
	suite.Break(ctx)
	return nil, nil
}

// Abort changes the session and gives up.
func (a *account) Abort(ctx context.Context, _ *empty) (*done, error) {
	if err := session.FromContext(ctx).Set("broken", true); err != nil {
		return nil, failed(err)
	}
	return nil, connect.NewError(connect.CodeAborted, errors.New("aborted"))
}

// Late logs in, and takes longer than it may.
func (a *account) Late(ctx context.Context, in *text) (*done, error) {
	if _, err := suite.Login(ctx, in.Msg.Value); err != nil {
		return nil, failed(err)
	}
	<-ctx.Done()
	return nil, connect.NewError(connect.CodeDeadlineExceeded, ctx.Err())
}

// Events greets, and ends with the session.
func (a *account) Events(ctx context.Context, _ *empty, events *connect.ServerStream[wrapperspb.StringValue]) error {
	if err := events.Send(wrapperspb.String("hello " + session.FromContext(ctx).Owner())); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}
