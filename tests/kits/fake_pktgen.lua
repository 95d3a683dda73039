-- SPDX-License-Identifier: Apache-2.0
-- Copyright the Sluice authors
--
-- The functions of Pktgen-DPDK that the kit may use, over two lines of 10 Gbit/s
-- with something between them that forwards at most `capacity_pps`. A function
-- that is not here does not exist in Pktgen either (app/lpktgenlib.c), or is not
-- yet used: look there before adding it. Time is what delay() says.

local fake = { capacity_pps = 10e6, generator_pps = 1e9, ports = {}, quits = 0, calls = {} }

local function new_port()
  return { opackets = 0, ipackets = 0, rate = 100, size = 64, seq = {}, seq_cnt = 0, range = {},
           rnd = {}, mac = {}, ip = {}, sending = false, range_on = false, latency = false }
end
for n = 0, 1 do fake.ports[n] = new_port() end

-- A list of ports as Pktgen writes them: always a string.
local function each(list, action)
  assert(type(list) == "string", "a port list is a string, not a " .. type(list))
  if list == "all" then list = "0,1" end
  for n in string.gmatch(list, "%d+") do action(assert(fake.ports[tonumber(n)], "no port " .. n), tonumber(n)) end
end

local function table_of(list, value)
  local result, count = {}, 0
  each(list, function(port, n) result[n] = value(port, n); count = count + 1 end)
  result.n = count
  return result
end

local function check(kind, value, what)
  assert(math.type(value) == kind or type(value) == kind, what .. ": " .. tostring(value) .. " is no " .. kind)
end

local function pps(port)
  if not port.sending then return 0 end
  local size = port.size
  if port.seq_cnt > 0 then
    size = 0
    for i = 0, port.seq_cnt - 1 do size = size + port.seq[i].pktSize end
    size = size / port.seq_cnt
  end
  return math.min(fake.generator_pps, 10e9 / ((size + 20) * 8) * port.rate / 100)
end

local function delay(ms)
  check("integer", ms, "delay")
  local a, b = pps(fake.ports[0]), pps(fake.ports[1])
  local passed = math.min(1, fake.capacity_pps / math.max(1, a + b))
  for n, rate in pairs { [0] = a, [1] = b } do
    local sent = math.floor(rate * ms / 1000)
    fake.ports[n].opackets = fake.ports[n].opackets + sent
    local peer = fake.ports[1 - n]
    peer.ipackets = peer.ipackets + math.floor(sent * passed)
  end
end

local settable = { count = true, size = true, rate = true, burst = true, sport = true, dport = true,
                   ttl = true, seq_cnt = true, prime = true }

local pktgen = {
  screen = function(state) assert(state == "on" or state == "off") end,
  start = function(list) each(list, function(port) port.sending = true end) end,
  stop = function(list) each(list, function(port) port.sending = false end) end,
  delay = delay,
  quit = function() fake.quits = fake.quits + 1 end,
  reset = function(list)
    each(list, function(port, n)
      local fresh = new_port()
      fresh.opackets, fresh.ipackets = port.opackets, port.ipackets   -- as issue 27 has it
      fake.ports[n] = fresh
    end)
  end,
  set = function(list, what, value)
    assert(settable[what], "set does not support " .. tostring(what))
    check("number", value, what)
    each(list, function(port) port[what] = value end)
  end,
  set_mac = function(list, what, mac)
    assert((what == "src" or what == "dst") and mac:match("^%x%x:%x%x:%x%x:%x%x:%x%x:%x%x$"), mac)
    each(list, function(port) port.mac[what] = mac end)
  end,
  set_ipaddr = function(list, what, ip)
    assert(what == "src" and ip:find("/") or what == "dst" and not ip:find("/"), "only src has a mask")
    each(list, function(port) port.ip[what] = ip end)
  end,
  set_proto = function(list, proto) assert(proto == "udp" or proto == "tcp"); each(list, function() end) end,
  set_type = function(list, kind) assert(kind == "ipv4"); each(list, function() end) end,
  set_range = function(list, state) each(list, function(port) port.range_on = state == "on" end) end,
  rnd = function(list, index, offset, mask)
    check("integer", index, "rnd"); check("integer", offset, "rnd")
    assert(#mask <= 32 and mask:match("^[01.X]+$"), mask)
    each(list, function(port) port.rnd[index] = { offset = offset, mask = mask } end)
  end,
  seqTable = function(index, list, packet)
    check("integer", index, "seqTable")
    assert(index < 16, "16 packets in a sequence at most")
    for _, key in ipairs { "eth_dst_addr", "eth_src_addr", "ip_dst_addr", "ip_src_addr", "ethType", "ipProto" } do
      check("string", packet[key], key)
    end
    for _, key in ipairs { "sport", "dport", "vlanid", "pktSize", "cos", "tos", "gtpu_teid" } do
      check("integer", packet[key], key)
    end
    each(list, function(port) port.seq[index] = packet end)
  end,
  latency = function(list, state)
    assert(state == "enable" or state == "disable")
    each(list, function(port) port.latency = state == "enable" end)
  end,
  portStats = function(list, kind)
    assert(kind == "port" or kind == "rate", "portStats, wrong arguments")
    return table_of(list, function(port) return { opackets = port.opackets, ipackets = port.ipackets } end)
  end,
  pktStats = function(list)
    return table_of(list, function(port, n)
      local stats = { mac_addr = "02:00:00:00:00:0" .. n }
      if port.latency then
        stats.latency = { min_us = 3.5, avg_us = 4.5, max_us = 20.0, num_pkts = 100, jitter_count = 0 }
      end
      return stats
    end)
  end,
  linkState = function(list) return table_of(list, function() return "<UP-10000-FD>" end) end,
  range = {},
}
for _, field in ipairs { "dst_mac", "src_mac", "dst_ip", "src_ip", "dst_port", "src_port", "pkt_size" } do
  pktgen.range[field] = function(list, what, value)
    assert(what == "start" or what == "min" or what == "max" or what == "inc", what)
    check(field:find("port") and "integer" or field == "pkt_size" and "number" or "string", value, field)
    each(list, function(port)
      port.range[field] = port.range[field] or {}
      port.range[field][what] = value
    end)
  end
end
pktgen.range.ip_proto = function(list, proto) assert(proto == "udp"); each(list, function() end) end

fake.pktgen = setmetatable(pktgen, { __index = function(_, name) error("Pktgen has no pktgen." .. name, 2) end })
return fake
