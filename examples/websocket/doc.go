// Package websocket is in the making.
package websocket
