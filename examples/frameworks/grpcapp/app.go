// Package grpcapp shows sessions with gRPC: interceptors on an Exchange, and a token in the metadata.
package grpcapp

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// New returns the program, with a limit of time for its calls.
func New(sessions *session.Manager, limit time.Duration) *grpc.Server {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(1<<20),
		grpc.ChainUnaryInterceptor(logCall(log), recoverCall, within(limit), Unary(sessions)),
		grpc.ChainStreamInterceptor(recoverStream, Stream(sessions)),
	)
	server.RegisterService(describe(&account{sessions}), nil)
	return server
}

// logCall logs a call and its end.
func logCall(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		out, err := next(ctx, in)
		log.InfoContext(ctx, info.FullMethod, "code", status.Code(err))
		return out, err
	}
}

// recoverCall makes an error of a panic. It stands outside of the sessions, or inside as well.
func recoverCall(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
	defer func() {
		if recover() != nil {
			err = status.Error(codes.Internal, "panic")
		}
	}()
	return next(ctx, in)
}

// recoverStream is recoverCall for streams.
func recoverStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if recover() != nil {
			err = status.Error(codes.Internal, "panic")
		}
	}()
	return next(srv, ss)
}

// within limits the time of calls.
func within(limit time.Duration) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return next(ctx, in)
	}
}

// account is the service.
type account struct{ sessions *session.Manager }

// Login begins a user's session.
func (a *account) Login(ctx context.Context, in *wrapperspb.StringValue) (*emptypb.Empty, error) {
	if in.Value == "" {
		return nil, status.Error(codes.InvalidArgument, "who is it?")
	}
	if _, err := suite.Login(ctx, in.Value); err != nil {
		return nil, failed(err)
	}
	return &emptypb.Empty{}, nil
}

// Logout ends the session.
func (a *account) Logout(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	if err := suite.Logout(ctx); err != nil {
		return nil, failed(err)
	}
	return &emptypb.Empty{}, nil
}

// Account shows who is logged in, the flash message once, and the user's sessions.
func (a *account) Account(ctx context.Context, _ *emptypb.Empty) (*wrapperspb.BytesValue, error) {
	shown, err := suite.Account(ctx, a.sessions)
	if err != nil {
		return nil, failed(err)
	}
	return encode(shown)
}

// End ends one of the user's sessions.
func (a *account) End(ctx context.Context, in *wrapperspb.StringValue) (*emptypb.Empty, error) {
	ended, err := suite.End(ctx, a.sessions, in.Value)
	switch {
	case err != nil:
		return nil, failed(err)
	case !ended:
		return nil, status.Error(codes.NotFound, "no such session")
	}
	return &emptypb.Empty{}, nil
}

// Fill sets more than a session holds.
func (a *account) Fill(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	suite.Fill(ctx)
	return &emptypb.Empty{}, nil
}

// Break panics, when it has given the session a new token.
func (a *account) Break(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	s := session.FromContext(ctx)
	if err := s.Generate(); err != nil {
		return nil, failed(err)
	}
	if err := s.Save(ctx); err != nil {
		return nil, failed(err)
	}
	suite.Break(ctx)
	return nil, nil
}

// Abort changes the session and gives up.
func (a *account) Abort(ctx context.Context, _ *emptypb.Empty) (*emptypb.Empty, error) {
	if err := session.FromContext(ctx).Set("broken", true); err != nil {
		return nil, failed(err)
	}
	return nil, status.Error(codes.Aborted, "aborted")
}

// Late logs in, and takes longer than it may.
func (a *account) Late(ctx context.Context, in *wrapperspb.StringValue) (*emptypb.Empty, error) {
	if _, err := suite.Login(ctx, in.Value); err != nil {
		return nil, failed(err)
	}
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}

// Events greets, and ends with the session.
func (a *account) Events(_ *emptypb.Empty, events grpc.ServerStreamingServer[wrapperspb.StringValue]) error {
	user := session.FromContext(events.Context()).Owner()
	if err := events.Send(wrapperspb.String("hello " + user)); err != nil {
		return err
	}
	<-events.Context().Done()
	return events.Context().Err()
}
