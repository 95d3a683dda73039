-- SPDX-License-Identifier: Apache-2.0
-- Copyright the Sluice authors
--
-- Latency under load: Pktgen's time-stamped packets among the others, for each
-- frame size at LOAD per cent of the line rate (take half of the no-drop rate).
-- There and back on one host, so one clock; Pktgen's own path is in it: measure
-- with a cable in Sluice's place first and subtract.
local kit = require("kit")

-- Both spellings of the fields: a table `latency` since 23.03, flat before.
local function latency_of(port)
  local stats = pktgen.pktStats(port)[tonumber(port)]
  local l = stats.latency
  if l then return l.min_us, l.avg_us, l.max_us, l.num_pkts end
  return stats.min_avg_latency, stats.avg_latency, stats.max_avg_latency, -1
end

kit.main(function()
  for _, size in ipairs(kit.sizes) do
    kit.setup(math.max(size, 96), kit.flow_counts[1])   -- a time stamp needs room
    pktgen.latency("all", "enable")
    local sent, received = kit.trial(kit.load, kit.trial_s)
    for _, port in ipairs { "1", "0" } do
      local min, avg, max, probes = latency_of(port)
      kit.say("size %d load %.1f %% into port %s: min %.2f avg %.2f max %.2f us, %d probes", size,
              kit.load, port, min or -1, avg or -1, max or -1, probes or -1)
    end
    kit.say("  lost %d of %d%s", sent - received, sent,
            sent > received and ": too much load, these figures say nothing" or "")
    pktgen.latency("all", "disable")
  end
end)
