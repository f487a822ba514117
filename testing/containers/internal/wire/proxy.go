// Package wire stands between a client and a server and loses, delays or cuts what passes.
package wire

import (
	"context"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy forwards TCP connections to one server until one of its methods disturbs them. It ends with the test.
type Proxy struct {
	tb    testing.TB
	proxy *toxiproxy.Proxy
}

// NewProxy listens on the loopback interface for a server at upstream, a host:port.
func NewProxy(tb testing.TB, upstream string) *Proxy {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{tb: tb, proxy: toxiproxy.NewProxy(server, tb.Name(), "127.0.0.1:0", upstream)}
	if err := p.proxy.Start(); err != nil {
		tb.Fatalf("wire: starting the proxy: %v", err)
	}
	tb.Cleanup(p.proxy.Stop)
	return p
}

// Addr returns the proxy's own host:port.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// Swallow loses every byte in both directions from now on and keeps the connections open, as a network does that has gone
// without a word.
func (p *Proxy) Swallow() {
	p.tb.Helper()
	p.add("timeout", "upstream", "timeout", 0)
	p.SwallowAnswers()
}

// SwallowAnswers lets the client's bytes through and loses the server's.
func (p *Proxy) SwallowAnswers() {
	p.tb.Helper()
	p.add("timeout", "downstream", "timeout", 0)
}

// Delay holds back the server's answers for some milliseconds each.
func (p *Proxy) Delay(ms int) {
	p.tb.Helper()
	p.add("latency", "downstream", "latency", ms)
}

func (p *Proxy) add(kind, stream, attribute string, value int) {
	p.tb.Helper()
	toxic := fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":{%q:%d}}`, kind, stream, attribute, value)
	if _, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		p.tb.Fatalf("wire: adding %s: %v", toxic, err)
	}
}

// Heal forwards again. Connections whose bytes were lost are closed by it.
func (p *Proxy) Heal() { p.proxy.Toxics.ResetToxics(context.Background()) }

// Cut closes every connection and listens no more until Mend.
func (p *Proxy) Cut() { p.proxy.Stop() }

// Mend listens again, on the same port.
func (p *Proxy) Mend() {
	p.tb.Helper()
	if err := p.proxy.Start(); err != nil {
		p.tb.Fatalf("wire: starting the proxy again: %v", err)
	}
}
