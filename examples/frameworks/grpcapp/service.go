package grpcapp

import (
	"context"
	"encoding/json"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Service is the service's name.
const Service = "visits.Account"

// describe says by hand what protoc-gen-go-grpc would generate.
func describe(a *account) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: Service,
		Methods: []grpc.MethodDesc{
			method("Login", a.Login), method("Logout", a.Logout), method("Account", a.Account),
			method("End", a.End), method("Fill", a.Fill), method("Break", a.Break),
			method("Abort", a.Abort), method("Late", a.Late),
		},
		Streams: []grpc.StreamDesc{{
			StreamName: "Events", ServerStreams: true,
			Handler: func(_ any, ss grpc.ServerStream) error {
				in := &emptypb.Empty{}
				if err := ss.RecvMsg(in); err != nil {
					return err
				}
				return a.Events(in, &grpc.GenericServerStream[emptypb.Empty, wrapperspb.StringValue]{ServerStream: ss})
			},
		}},
	}
}

func method[In, Out any](name string, fn func(context.Context, *In) (*Out, error)) grpc.MethodDesc {
	call := func(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		info := &grpc.UnaryServerInfo{FullMethod: "/" + Service + "/" + name}
		return interceptor(ctx, in, info, func(ctx context.Context, in any) (any, error) { return fn(ctx, in.(*In)) })
	}
	return grpc.MethodDesc{MethodName: name, Handler: call}
}

func encode(v any) (*wrapperspb.BytesValue, error) {
	raw, err := json.Marshal(v)
	return wrapperspb.Bytes(raw), err
}
