// The destination of every benchmark: it reads each body to its end, and can say what reached it.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// What has arrived since the sink started: connections at both listeners, heads, octets of bodies.
var connections, requests, octets atomic.Int64

var (
	buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}
	zeros   = make([]byte, 256<<10)
)

// counted is a listener that counts whom it accepts.
type counted struct{ net.Listener }

func (l counted) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err == nil {
		connections.Add(1)
	}
	return connection, err
}

func read(body io.Reader) int64 {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	var total int64
	for {
		n, err := body.Read(*buffer)
		total += int64(n)
		octets.Add(int64(n))
		if err != nil {
			return total
		}
	}
}

// serve answers `?n=SIZE` with that many octets, everything else with what it received.
func serve(w http.ResponseWriter, r *http.Request) {
	requests.Add(1)
	received := read(r.Body)
	size, err := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"received":%d}`, received)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	for size > 0 {
		n, err := w.Write(zeros[:min(size, int64(len(zeros)))])
		if err != nil {
			return
		}
		size -= int64(n)
	}
}

func count(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(map[string]int64{
		"connections": connections.Load(), "requests": requests.Load(), "octets": octets.Load(),
	})
}

func listen(port int) net.Listener {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func main() {
	tlsPort := flag.Int("tls", 0, "port for HTTPS, HTTP/1.1 and HTTP/2")
	plainPort := flag.Int("plain", 0, "port for HTTP")
	countPort := flag.Int("count", 0, "port that tells what arrived at the other two")
	cert := flag.String("cert", "", "certificate, PEM")
	key := flag.String("key", "", "its key, PEM")
	flag.Parse()
	log.SetOutput(os.Stderr)
	quiet := log.New(io.Discard, "", 0) // clients that hang up are part of the work
	tlsListener, plainListener, countListener := listen(*tlsPort), listen(*plainPort), listen(*countPort)
	handler := http.HandlerFunc(serve)
	secure := &http.Server{
		Handler: handler, ErrorLog: quiet, IdleTimeout: 10 * time.Minute,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		HTTP2:     &http.HTTP2Config{MaxReceiveBufferPerConnection: 4 << 20, MaxReceiveBufferPerStream: 2 << 20},
	}
	plain := &http.Server{Handler: handler, ErrorLog: quiet, IdleTimeout: 10 * time.Minute}
	go func() { log.Fatal(plain.Serve(counted{plainListener})) }()
	go func() { log.Fatal(http.Serve(countListener, http.HandlerFunc(count))) }()
	fmt.Println("ready")
	go func() { // the one who started the sink is gone: so is the sink
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(secure.ServeTLS(counted{tlsListener}, *cert, *key))
}
