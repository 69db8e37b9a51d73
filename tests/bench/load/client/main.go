// The load of the benchmarks: workers that each keep one connection through a proxy, and measure what they ask.
//
// It says `ready` when every worker has had its first answers, then waits for lines on its standard input: each
// `go` is one round, answered with one line of JSON. Connections stay open between rounds. SIGINT ends a timed round.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type options struct {
	proxy, target, method, ca, kind, purpose, protocol string
	connections, idle, warm, expect                    int
	size, requests                                     int64
	seconds, warmup                                    float64
	fresh, halt, name                                  bool
}

type result struct {
	Requests int64            `json:"requests"`
	Errors   int64            `json:"errors"`
	First    string           `json:"first_error"`
	Up       int64            `json:"octets_up"`
	Down     int64            `json:"octets_down"`
	Seconds  float64          `json:"seconds"`
	P50      float64          `json:"p50_us"`
	P99      float64          `json:"p99_us"`
	Statuses map[string]int64 `json:"statuses"`
}

func parse() options {
	var o options
	flag.StringVar(&o.proxy, "proxy", "", "host:port of the proxy; empty goes straight to the target")
	flag.StringVar(&o.target, "url", "", "what to ask for")
	flag.StringVar(&o.method, "method", "GET", "method")
	flag.StringVar(&o.ca, "ca", "", "roots to trust, PEM")
	flag.StringVar(&o.kind, "body", "none", "none, octets, json, multipart")
	flag.StringVar(&o.purpose, "purpose", "assistants", "the form field that follows a multipart file")
	flag.StringVar(&o.protocol, "protocol", "http/1.1", "what ALPN offers: http/1.1 or h2")
	flag.IntVar(&o.connections, "c", 32, "workers, each with a connection of its own")
	flag.IntVar(&o.idle, "idle", 0, "further connections that stay open and quiet")
	flag.IntVar(&o.warm, "warm", 3, "requests of each worker before `ready`")
	flag.IntVar(&o.expect, "expect", 200, "any other status is an error")
	flag.Int64Var(&o.size, "size", 0, "octets of body")
	flag.Int64Var(&o.requests, "n", 0, "requests a round; 0 goes by time")
	flag.Float64Var(&o.seconds, "d", 2, "seconds a round")
	flag.Float64Var(&o.warmup, "warmup", 0, "seconds of a round that nobody measures, before `ready`")
	flag.BoolVar(&o.fresh, "fresh", false, "a new connection for each request")
	flag.BoolVar(&o.name, "name", false, "give each request an id of its own, so that no two heads are alike")
	flag.BoolVar(&o.halt, "halt", false, "say `halted` before the end of a body, and wait for a line")
	flag.Parse()
	return o
}

// client has one connection at most, and offers exactly one protocol.
func (o options) client(roots *x509.CertPool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(o.protocol == "http/1.1")
	protocols.SetHTTP2(o.protocol == "h2")
	transport := &http.Transport{
		TLSClientConfig:    &tls.Config{RootCAs: roots, NextProtos: []string{o.protocol}},
		Protocols:          protocols,
		DisableKeepAlives:  o.fresh,
		DisableCompression: true,
		MaxConnsPerHost:    1,
		WriteBufferSize:    64 << 10,
		ReadBufferSize:     64 << 10,
	}
	if o.proxy != "" {
		transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: o.proxy})
	}
	return &http.Client{Transport: transport, Timeout: 10 * time.Minute}
}

// once sends one request and reads its answer to the end.
func (o options) once(client *http.Client, body *shape, halt func()) (status int, down int64, err error) {
	request, err := http.NewRequest(o.method, o.target, nil)
	if err != nil {
		return 0, 0, err
	}
	if body != nil {
		request.Body = io.NopCloser(body.open(halt))
		request.ContentLength = body.size()
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(body.open(halt)), nil }
		request.Header.Set("Content-Type", body.contentType)
	}
	if o.name {
		request.Header.Set("X-Request-Id", fmt.Sprintf("%032x", named.Add(1)))
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	down, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, down, err
}

// stopped ends a timed round early.
var stopped atomic.Bool

// named counts the requests that have an id.
var named atomic.Int64

type worker struct {
	client    *http.Client
	latencies []time.Duration
	statuses  map[int]int64
	down      int64
	first     string
	errors    int64
}

func (w *worker) ask(o options, body *shape, halt func()) {
	began := time.Now()
	status, down, err := o.once(w.client, body, halt)
	w.latencies = append(w.latencies, time.Since(began))
	w.down += down
	if err == nil && status != o.expect {
		err = fmt.Errorf("status %d instead of %d", status, o.expect)
	}
	if status != 0 {
		w.statuses[status]++
	}
	if err != nil {
		w.errors++
		if w.first == "" {
			w.first = err.Error()
		}
	}
}

func round(o options, workers []*worker, body *shape, halt func()) result {
	var issued atomic.Int64
	began := time.Now()
	until := began.Add(time.Duration(o.seconds * float64(time.Second)))
	each(workers, func(w *worker) {
		*w = worker{client: w.client, statuses: map[int]int64{}, latencies: w.latencies[:0]}
		for {
			if o.requests > 0 {
				if issued.Add(1) > o.requests {
					return
				}
			} else if time.Now().After(until) || stopped.Load() {
				return
			}
			w.ask(o, body, halt)
		}
	})
	return sum(workers, body, time.Since(began))
}

func sum(workers []*worker, body *shape, took time.Duration) result {
	total := result{Seconds: took.Seconds(), Statuses: map[string]int64{}}
	var latencies []time.Duration
	for _, w := range workers {
		latencies = append(latencies, w.latencies...)
		total.Down += w.down
		total.Errors += w.errors
		if total.First == "" {
			total.First = w.first
		}
		for status, n := range w.statuses {
			total.Statuses[fmt.Sprint(status)] += n
		}
	}
	total.Requests = int64(len(latencies))
	if body != nil {
		total.Up = (total.Requests - total.Errors) * body.size() // what failed may have stopped anywhere
	}
	slices.Sort(latencies)
	at := func(share float64) float64 {
		if len(latencies) == 0 {
			return 0
		}
		return float64(latencies[int(share*float64(len(latencies)-1))].Nanoseconds()) / 1000
	}
	total.P50, total.P99 = at(0.5), at(0.99)
	return total
}

func each(workers []*worker, do func(*worker)) {
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() { do(w) })
	}
	all.Wait()
}

func crew(size int, o options, roots *x509.CertPool) []*worker {
	workers := make([]*worker, size)
	for i := range workers {
		workers[i] = &worker{client: o.client(roots), statuses: map[int]int64{}}
	}
	return workers
}

// warm opens the connections a few at a time, so that no queue of handshakes runs into a time-out.
func warm(o options, workers []*worker, body *shape, times int) {
	for group := range slices.Chunk(workers, 16) {
		each(group, func(w *worker) {
			for range times {
				w.ask(o, body, nil)
			}
		})
	}
	for _, w := range workers {
		if w.errors > 0 {
			fmt.Fprintf(os.Stderr, "warm-up: %s\n", w.first)
			os.Exit(1)
		}
	}
}

func main() {
	o := parse()
	roots := x509.NewCertPool()
	if o.ca != "" {
		pem, err := os.ReadFile(o.ca)
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			fmt.Fprintln(os.Stderr, "no roots in", o.ca, err)
			os.Exit(1)
		}
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	go func() { <-interrupts; stopped.Store(true) }()
	lines := bufio.NewScanner(os.Stdin)
	body := body(o.kind, o.size, o.purpose)
	workers := crew(o.connections, o, roots)
	quiet := crew(o.idle, o, roots)
	warm(o, quiet, body, 1)
	warm(o, workers, body, o.warm)
	var halt func()
	if o.halt {
		halt = func() { fmt.Println("halted"); lines.Scan() }
	}
	if o.warmup > 0 {
		before := o
		before.seconds = o.warmup
		round(before, workers, body, nil)
	}
	fmt.Println("ready")
	for lines.Scan() && strings.TrimSpace(lines.Text()) == "go" {
		line, _ := json.Marshal(round(o, workers, body, halt))
		fmt.Println(string(line))
	}
}
