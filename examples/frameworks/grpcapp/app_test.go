package grpcapp

import (
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// client is one with a token of its own.
type client struct {
	t    *testing.T
	conn *grpc.ClientConn
	at   string
}

// serve serves the program and returns a client of it.
func serve(t *testing.T) (*client, *session.Manager) { return serveWithin(t, time.Minute) }

func serveWithin(t *testing.T, limit time.Duration) (*client, *session.Manager) {
	m, _ := suite.NewManager(t, session.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := New(m, limit)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return dial(t, listener.Addr().String()), m
}

func dial(t *testing.T, at string) *client {
	token := &Token{}
	conn, err := grpc.NewClient(at, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip")),
		grpc.WithUnaryInterceptor(token.Unary), grpc.WithStreamInterceptor(token.Stream))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t, conn, at}
}

// want calls a method and checks its code.
func (c *client) want(method string, in, out proto.Message, code codes.Code) {
	c.t.Helper()
	err := c.conn.Invoke(c.t.Context(), "/"+Service+"/"+method, in, out)
	if got := status.Code(err); got != code {
		c.t.Errorf("%s: %v, want %v: %v", method, got, code, err)
	}
}

func (c *client) login(user string, code codes.Code) {
	c.t.Helper()
	c.want("Login", wrapperspb.String(user), &emptypb.Empty{}, code)
}

func (c *client) call(method string, code codes.Code) {
	c.t.Helper()
	c.want(method, &emptypb.Empty{}, &emptypb.Empty{}, code)
}

func (c *client) account() (shown struct {
	User, Flash, Here string
	Sessions          []string
}) {
	c.t.Helper()
	out := &wrapperspb.BytesValue{}
	c.want("Account", &emptypb.Empty{}, out, codes.OK)
	if err := json.Unmarshal(out.Value, &shown); err != nil {
		c.t.Fatal(err)
	}
	return shown
}

func TestLoginAndLogout(t *testing.T) {
	c, _ := serve(t)
	c.login("", codes.InvalidArgument)
	c.login("ada", codes.OK)
	if shown := c.account(); shown.User != "ada" || shown.Flash != "Welcome, ada" || len(shown.Sessions) != 1 {
		t.Errorf("the account shows %+v", shown)
	}
	if shown := c.account(); shown.Flash != "" {
		t.Errorf("the message is shown again: %q", shown.Flash)
	}
	c.call("Logout", codes.OK)
	if shown := c.account(); shown.User != "" {
		t.Errorf("%s is still logged in", shown.User)
	}
}

func TestASessionEndsFromAnother(t *testing.T) {
	here, _ := serve(t)
	there := dial(t, here.at)
	here.login("ada", codes.OK)
	there.login("ada", codes.OK)
	shown := here.account()
	if len(shown.Sessions) != 2 || shown.Sessions[1] != shown.Here {
		t.Fatalf("the account shows %+v", shown)
	}
	here.want("End", wrapperspb.String(shown.Sessions[0]), &emptypb.Empty{}, codes.OK)
	here.want("End", wrapperspb.String(shown.Sessions[0]), &emptypb.Empty{}, codes.NotFound)
	if user := there.account().User; user != "" {
		t.Errorf("%s is still logged in there", user)
	}
}

// What fails saves nothing; a token that a call has saved by itself arrives all the same.
func TestFailures(t *testing.T) {
	c, m := serve(t)
	c.login("ada", codes.OK)
	c.account()
	c.call("Fill", codes.ResourceExhausted)
	c.call("Break", codes.Internal)
	c.call("Abort", codes.Aborted)
	if user := c.account().User; user != "ada" {
		t.Errorf("%q is logged in", user)
	}
	list, err := m.Sessions(t.Context(), "ada", "a", "b", "broken")
	if err != nil || len(list) != 1 || len(list[0].Keys()) != 0 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}

// A call that has taken too long saves nothing, though its handler has logged somebody in.
func TestTooLate(t *testing.T) {
	c, m := serveWithin(t, 10*time.Millisecond)
	c.want("Late", wrapperspb.String("ada"), &emptypb.Empty{}, codes.DeadlineExceeded)
	if list, err := m.Sessions(t.Context(), "ada"); err != nil || len(list) != 0 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}

func TestAStreamEndsWithTheSession(t *testing.T) {
	c, _ := serve(t)
	c.login("ada", codes.OK)
	events, err := c.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/"+Service+"/Events")
	if err != nil {
		t.Fatal(err)
	}
	if err := events.SendMsg(&emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}
	if err := events.CloseSend(); err != nil {
		t.Fatal(err)
	}
	greeting := &wrapperspb.StringValue{}
	if err := events.RecvMsg(greeting); err != nil || greeting.Value != "hello ada" {
		t.Fatalf("%q, %v", greeting.Value, err)
	}
	c.call("Logout", codes.OK)
	if err := events.RecvMsg(greeting); status.Code(err) != codes.Unauthenticated {
		t.Errorf("the stream ends with %v", err)
	}
}
