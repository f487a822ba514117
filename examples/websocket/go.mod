module github.com/simples-go/sessions/examples/websocket

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/gobwas/ws v1.5.0
	github.com/gorilla/websocket v1.5.3
	github.com/simples-go/sessions v0.0.0
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.62.0
)

require github.com/gobwas/httphead v0.1.0 // indirect

replace github.com/simples-go/sessions => ../..
