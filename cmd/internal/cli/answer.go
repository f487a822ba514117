package cli

import (
	"bufio"
	"context"
	"io"
	"strings"
)

// Answer returns the line that is typed, "" if none comes before ctx ends.
func Answer(ctx context.Context, stdin io.Reader) string {
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(stdin).ReadString('\n')
		line <- text
	}()
	select {
	case text := <-line:
		return strings.TrimSpace(text)
	case <-ctx.Done():
		return ""
	}
}
