module github.com/simples-go/sessions/adopt/gorilla

go 1.26.0

require (
	github.com/gorilla/sessions v1.4.0
	github.com/simples-go/sessions v0.0.0
	github.com/simples-go/sessions/adopt v0.0.0
)

require github.com/gorilla/securecookie v1.1.2 // indirect

replace (
	github.com/simples-go/sessions => ../..
	github.com/simples-go/sessions/adopt => ..
)
