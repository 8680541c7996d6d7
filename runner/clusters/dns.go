//go:build linux

package clusters

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// serviceSuffix ends the names of services in a cluster.
const serviceSuffix = ".svc.cluster.local."

// names answers questions for the addresses of headless services on the
// server's machine, port 53, from the endpoints that the apiserver has.
func (k *kube) names() error {
	var conn net.PacketConn
	err := within(k.hosts[0].ns, func() (err error) {
		conn, err = net.ListenPacket("udp", k.hosts[0].address.String()+":53")
		return err
	})
	if err != nil {
		return err
	}
	k.closers = append(k.closers, conn)
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed with the cluster
			}
			if answer := k.answer(buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from) // an answer that is lost is asked for again
			}
		}
	}()
	return nil
}

// answer makes the reply to one question; nil for what is none.
func (k *kube) answer(question []byte) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(question)
	if err != nil || head.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	addresses, known := k.lookup(q.Name.String())
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: head.ID, Response: true, Authoritative: true, RecursionDesired: head.RecursionDesired},
		Questions: []dnsmessage.Question{q},
	}
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	if q.Type == dnsmessage.TypeA {
		for _, a := range addresses {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 0},
				Body:   &dnsmessage.AResource{A: a.As4()},
			})
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// lookup finds the ready addresses of a service by its name in the cluster.
func (k *kube) lookup(name string) (list []netip.Addr, known bool) {
	short, ok := strings.CutSuffix(strings.ToLower(name), serviceSuffix)
	if !ok {
		return nil, false
	}
	service, namespace, ok := strings.Cut(short, ".")
	if !ok || strings.ContainsAny(service+namespace, "./?#%") {
		return nil, false
	}
	var endpoints struct {
		Subsets []struct{ Addresses, NotReadyAddresses []struct{ IP string } }
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	if err := k.get(ctx, "/api/v1/namespaces/"+namespace+"/endpoints/"+service, &endpoints); err != nil {
		return nil, false
	}
	for _, s := range endpoints.Subsets {
		for _, a := range s.Addresses {
			if ip, err := netip.ParseAddr(a.IP); err == nil && ip.Is4() {
				list = append(list, ip)
			}
		}
	}
	return list, true
}
